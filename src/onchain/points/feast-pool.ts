import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { isoTime } from '../../platform/input/time.js';
import { OnchainStart } from '../config/onchain-start.js';
import { formatPoints, parsePoints } from '../core/index.js';
import { inSnapshot } from './points-snapshot.js';
import type { FeastPoolAnswer } from './points.dto.js';

interface EpochRow {
  epoch: number;
  opens: number;
  closes: number;
  budget: string;
  remainder: string;
  shares: { account: string; points: string }[];
}

/** Closed epochs of an answer, open ones of it, and the shares of each. */
const MAX_EPOCHS = 10;
const MAX_SHARES = 100;

/** Budget that is shared among stakers in every epoch, by the time that their tokens were staked in it. */
@Injectable()
export class FeastPool {
  constructor(
    private readonly database: Database,
    private readonly start: OnchainStart,
  ) {}

  async epochs(): Promise<FeastPoolAnswer> {
    const rows = await this.database.query<EpochRow & Record<string, unknown>>(EPOCHS, [MAX_EPOCHS, MAX_SHARES]);
    const closed = rows.map(({ epoch, opens, closes, budget, shares }) => ({
      epoch,
      opensAt: isoTime(opens),
      closesAt: isoTime(closes),
      budget: formatPoints(BigInt(budget)),
      state: 'closed' as const,
      shares: shares.map(({ account, points }) => ({ account, points: formatPoints(BigInt(points)) })),
    }));
    return { epochs: [...(await this.openEpochs(rows[0])), ...closed] };
  }

  /**
   * The epoch of the newest projected block, and those before it that have ended and are not closed, the newest first; none before
   * the first block. What was not shared before goes to the oldest of them.
   */
  private async openEpochs(newest: EpochRow | undefined): Promise<FeastPoolAnswer['epochs']> {
    const at = await inSnapshot(this.database, ({ asOf }) => Promise.resolve(asOf.at));
    if (at === null) return [];
    const lengthMs = this.start.feastPool.epochSeconds * 1_000;
    const present = Math.floor(Date.parse(at) / lengthMs);
    const oldest = newest === undefined ? present : newest.epoch + 1;
    const last = Math.max(present, oldest);
    const budget = parsePoints(this.start.feastPool.budget) ?? 0n;
    return Array.from({ length: Math.min(MAX_EPOCHS, last - oldest + 1) }, (_, back) => {
      const epoch = last - back;
      return {
        epoch,
        opensAt: isoTime(epoch * lengthMs),
        closesAt: isoTime((epoch + 1) * lengthMs),
        budget: formatPoints(epoch === oldest ? budget + BigInt(newest?.remainder ?? 0) : budget),
        state: 'open' as const,
        shares: [],
      };
    });
  }
}

const EPOCHS = `SELECT e.epoch, e.opens_ms AS opens, e.closes_ms AS closes, e.budget::text AS budget, e.remainder::text AS remainder,
    coalesce((SELECT jsonb_agg(jsonb_build_object('account', '0x' || encode(s.account, 'hex'), 'points', s.amount::text)
      ORDER BY s.amount DESC, s.account) FROM (SELECT * FROM onchain_feast_shares s WHERE s.epoch = e.epoch
      ORDER BY s.amount DESC, s.account LIMIT $2) s), '[]') AS shares
  FROM onchain_feast_epochs e ORDER BY e.epoch DESC LIMIT $1`;
