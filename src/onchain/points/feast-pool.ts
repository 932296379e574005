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

/** Closed epochs of an answer, and the shares of each. */
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
    return { epochs: [...(await this.openEpoch(rows[0])), ...closed] };
  }

  /** The epoch of the newest projected block, or the one after the newest closed epoch; none before the first block. */
  private async openEpoch(newest: EpochRow | undefined): Promise<FeastPoolAnswer['epochs']> {
    const at = await inSnapshot(this.database, ({ asOf }) => Promise.resolve(asOf.at));
    if (at === null) return [];
    const lengthMs = this.start.feastPool.epochSeconds * 1_000;
    const epoch = Math.max(Math.floor(Date.parse(at) / lengthMs), (newest?.epoch ?? -1) + 1);
    const budget = (parsePoints(this.start.feastPool.budget) ?? 0n) + BigInt(newest?.remainder ?? 0);
    return [
      {
        epoch,
        opensAt: isoTime(epoch * lengthMs),
        closesAt: isoTime((epoch + 1) * lengthMs),
        budget: formatPoints(budget),
        state: 'open',
        shares: [],
      },
    ];
  }
}

const EPOCHS = `SELECT e.epoch, e.opens_ms AS opens, e.closes_ms AS closes, e.budget::text AS budget, e.remainder::text AS remainder,
    coalesce((SELECT jsonb_agg(jsonb_build_object('account', '0x' || encode(s.account, 'hex'), 'points', s.amount::text)
      ORDER BY s.amount DESC, s.account) FROM (SELECT * FROM onchain_feast_shares s WHERE s.epoch = e.epoch
      ORDER BY s.amount DESC, s.account LIMIT $2) s), '[]') AS shares
  FROM onchain_feast_epochs e ORDER BY e.epoch DESC LIMIT $1`;
