import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import { Settings } from '../../platform/settings/settings.js';
import type { Address } from '../core/index.js';
import { loadRates } from '../projector/point-rules.js';
import { publishPoints } from '../projector/publications.js';
import { StandingsKeeper } from './standings.js';

/** Change since the last announcement, in percent of it, from which points that merely accrued are announced. */
const MIN_CHANGE_PERCENT = 1n;
/** Accounts that are announced in one transaction. */
const ACCOUNTS_PER_PAGE = 1_000;

/** Announces points that accrue while nothing happens to the tokens. */
@Injectable()
export class PointsAnnouncements {
  constructor(
    private readonly database: Database,
    private readonly standings: StandingsKeeper,
    private readonly clock: Clock,
    private readonly settings: Settings,
  ) {}

  /** Announces the points of accounts that moved by 1 % or more since their last announcement; daily, of all that moved. */
  async announce(reason: 'accrual' | 'daily'): Promise<number> {
    const { asOf, rows } = await this.standings.newest();
    if (asOf.at === null) return 0;
    const at = Date.parse(asOf.at);
    if (this.clock.now() - at > this.settings.staleAfterMinutes * 60_000) return 0;
    const known = new Map<Address, bigint>();
    const pages = this.database.pages<{ account: Address; points: string }>(
      `SELECT '0x' || encode(account, 'hex') AS account, points FROM onchain_points_published`,
    );
    for await (const page of pages) for (const { account, points } of page) known.set(account, BigInt(points));
    const moved: Address[] = [];
    await eachInSlices(rows, ({ account, points }) => {
      const before = known.get(account) ?? 0n;
      const change = points > before ? points - before : before - points;
      const isEnough = reason === 'daily' || change * 100n >= before * MIN_CHANGE_PERCENT;
      if (change > 0n && isEnough) moved.push(account);
    });
    for (let from = 0; from < moved.length; from += ACCOUNTS_PER_PAGE) {
      await this.announcePage(moved.slice(from, from + ACCOUNTS_PER_PAGE), reason, at);
    }
    return moved.length;
  }

  private async announcePage(accounts: readonly Address[], reason: 'accrual' | 'daily', at: number): Promise<void> {
    await this.database.transaction(async (tx) => {
      const { rows } = await tx.query<{ account: Address; chain: string }>(
        `SELECT '0x' || encode(p.account, 'hex') AS account, min(h.name) AS chain FROM onchain_positions p
           JOIN onchain_contracts c ON c.id = p.contract AND c.shadow_of IS NULL JOIN onchain_chains h ON h.id = c.chain
         WHERE p.account = ANY ($1::bytea[]) GROUP BY p.account`,
        [accounts.map((account) => `\\x${account.slice(2)}`)],
      );
      const rates = await loadRates(tx);
      for (const chain of new Set(rows.map((row) => row.chain))) {
        const touched = rows.filter((row) => row.chain === chain).map(({ account }) => ({ account, reason }));
        await publishPoints(tx, chain, touched, rates, at);
      }
    });
  }
}
