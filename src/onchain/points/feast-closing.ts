import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { OnchainStart } from '../config/onchain-start.js';
import { parsePoints } from '../core/index.js';

/** Epochs that one run closes, at most. */
const MAX_EPOCHS_PER_RUN = 20;

/** Closes epochs of the feast pool whose last block is final on every chain. */
@Injectable()
export class FeastClosing {
  constructor(
    private readonly database: Database,
    private readonly start: OnchainStart,
  ) {}

  /** Returns the number of epochs that were closed. */
  async close(): Promise<number> {
    const lengthMs = this.start.feastPool.epochSeconds * 1_000;
    const budget = parsePoints(this.start.feastPool.budget) ?? 0n;
    for (let closed = 0; closed < MAX_EPOCHS_PER_RUN; closed++) {
      const isClosed = await this.database.transaction(async (tx) => {
        await tx.query(`SELECT pg_advisory_xact_lock(hashtext('onchain_feast_pool'))`);
        const { rows } = await tx.query<{ epoch: number | null; remainder: string; final: number | null }>(NEXT, [
          lengthMs,
        ]);
        const { epoch = null, remainder = '0', final = null } = rows[0] ?? {};
        // Without a budget there is nothing to share, so no epoch needs to be closed.
        if (epoch === null || final === null || (epoch + 1) * lengthMs > final || budget + BigInt(remainder) === 0n)
          return false;
        await tx.query(CLOSE, [
          epoch,
          epoch * lengthMs,
          (epoch + 1) * lengthMs,
          (budget + BigInt(remainder)).toString(),
        ]);
        return true;
      });
      if (!isClosed) return closed;
    }
    return MAX_EPOCHS_PER_RUN;
  }
}

/** Next epoch: after the newest closed one, else that of the first stake. Final time: the lowest of all chains with contracts. */
const NEXT = `SELECT coalesce((SELECT max(epoch) + 1 FROM onchain_feast_epochs), (SELECT min(first) / $1 FROM (
    SELECT min(from_ms) AS first FROM onchain_intervals WHERE staked UNION ALL
    SELECT min(since_ms) FROM onchain_tokens WHERE staker IS NOT NULL) f))::bigint AS epoch,
  coalesce((SELECT remainder FROM onchain_feast_epochs ORDER BY epoch DESC LIMIT 1), 0)::text AS remainder,
  (SELECT min(least(coalesce(h.final_ms, -1), coalesce(s.at_ms, -1))) FROM onchain_streams s JOIN onchain_chains h ON h.id = s.chain
    WHERE EXISTS (SELECT FROM onchain_contracts c WHERE c.stream = s.id AND c.shadow_of IS NULL AND NOT c.paused)) AS final`;

/** Shares by staked-token-milliseconds in the epoch, rounded down. */
const CLOSE = `WITH visible AS (SELECT id FROM onchain_contracts WHERE shadow_of IS NULL), weights AS (
    SELECT account, sum(quantity * (least(to_ms, $3) - greatest(from_ms, $2))) AS weight FROM (
      SELECT account, quantity, from_ms, to_ms FROM onchain_intervals
        WHERE staked AND to_ms > $2 AND from_ms < $3 AND contract IN (SELECT id FROM visible)
      UNION ALL SELECT staker, 1, since_ms, $3 FROM onchain_tokens
        WHERE staker IS NOT NULL AND since_ms < $3 AND contract IN (SELECT id FROM visible)
    ) i GROUP BY account
  ), shares AS (
    SELECT account, div(weight * $4::numeric, (SELECT sum(weight) FROM weights)) AS amount FROM weights
  ), epoch AS (
    INSERT INTO onchain_feast_epochs (epoch, opens_ms, closes_ms, budget, remainder)
    SELECT $1, $2::bigint, $3::bigint, $4::numeric, $4::numeric - coalesce((SELECT sum(amount) FROM shares), 0) RETURNING epoch
  )
  INSERT INTO onchain_feast_shares (epoch, account, amount) SELECT e.epoch, s.account, s.amount FROM shares s, epoch e WHERE s.amount > 0`;
