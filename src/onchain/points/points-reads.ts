import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { decodeCursor, encodeCursor } from '../../platform/http/paging/list-cursor.js';
import { pageInfo } from '../../platform/http/paging/page.js';
import { isoTime, parseTime } from '../../platform/input/time.js';
import { formatPoints, type Address } from '../core/index.js';
import { loadRates } from '../projector/point-rules.js';
import type { AccountRow } from './account-rows.js';
import { inSnapshot } from './points-snapshot.js';
import type {
  AccountPointsView,
  PointsHistoryAnswer,
  PointsHistoryQuery,
  LeaderboardAnswer,
  LeaderboardQuery,
  LeaderboardRow,
  RulesAnswer,
} from './points.dto.js';
import { StandingsKeeper, type Standings } from './standings.js';

const NOTHING = { points: 0n, final: 0n, stakedTokens: 0n, heldTokens: 0n } as const;

/** Rows of daily history in an answer: ten years. */
const MAX_DAYS = 3_660;

/** Points and ranks of accounts. All answers come from the standings of one state. */
@Injectable()
export class PointsReads {
  constructor(
    private readonly database: Database,
    private readonly standings: StandingsKeeper,
    private readonly clock: Clock,
  ) {}

  async account(account: Address): Promise<AccountPointsView> {
    const standings = await this.standings.newest();
    const { points, final, stakedTokens, heldTokens } = rowOf(standings, account) ?? NOTHING;
    return {
      account,
      ...pointsView({ points, final }),
      rank: rankOf(standings, account),
      stakedTokens: stakedTokens.toString(),
      heldTokens: heldTokens.toString(),
      as_of: standings.asOf,
    };
  }

  /** Returns the ends of the days that were calculated, and the present. */
  async history(account: Address, { from, to }: PointsHistoryQuery): Promise<PointsHistoryAnswer> {
    const now = this.clock.now();
    const [first, last] = [from, to].map((time) => (time === undefined ? undefined : parseTime(time, now)));
    const standings = await this.standings.newest();
    const days = await this.database.query<{ at: number; points: string; earned: string; rank: number }>(
      `SELECT (extract(epoch FROM day + 1) * 1000)::bigint AS at, points, earned, rank FROM onchain_points_daily
       WHERE account = $1 AND extract(epoch FROM day + 1) * 1000 BETWEEN $2 AND $3 ORDER BY day DESC LIMIT ${MAX_DAYS}`,
      [bytea(account), first ?? 0, last ?? now],
    );
    const data: PointsHistoryAnswer['data'] = days.reverse().map(({ at, points, earned, rank }) => ({
      at: isoTime(at),
      points: formatPoints(BigInt(points)),
      earned: formatPoints(BigInt(earned)),
      rank,
    }));
    if (last === undefined || last >= now) {
      const { points } = rowOf(standings, account) ?? NOTHING;
      const earned = points - (await this.lastDay(account));
      const at = standings.asOf.at ?? isoTime(now);
      data.push({
        at,
        points: formatPoints(points),
        earned: formatPoints(earned),
        rank: rankOf(standings, account),
      });
    }
    return { data, as_of: standings.asOf };
  }

  /** Returns the points at the end of the newest day that was calculated, also where that day is not listed. */
  private async lastDay(account: Address): Promise<bigint> {
    const row = await this.database.one<{ points: string }>(
      'SELECT points FROM onchain_points_daily WHERE account = $1 ORDER BY day DESC LIMIT 1',
      [bytea(account)],
    );
    return BigInt(row?.points ?? 0);
  }

  /** Returns a page of accounts by rank. A page shows the state of the page before it while that is kept. */
  async leaderboard({ limit, cursor, chain }: LeaderboardQuery): Promise<LeaderboardAnswer> {
    const scope = ['leaderboard', chain];
    const [state, points, account] = decodeCursor(scope, cursor, ['string', 'string', 'string']) ?? [];
    const kept = typeof state === 'string' ? this.standings.at(state, chain) : undefined;
    const standings = kept ?? (await this.standings.newest(chain));
    const from = typeof account === 'string' ? placeAfter(standings, String(points), account) : 0;
    const rows = standings.rows.slice(from, from + limit);
    const last = from + limit < standings.rows.length ? rows.at(-1) : undefined;
    const next =
      last === undefined
        ? null
        : encodeCursor(scope, [standings.asOf.cursor, last.points.toString(), last.account.slice(2)]);
    return {
      data: rows.map((row, at): LeaderboardRow => ({
        rank: from + at + 1,
        account: row.account,
        ...pointsView(row),
      })),
      page: pageInfo(next),
      as_of: standings.asOf,
    };
  }

  /** Lists the versions of the rates in the order in which they were added. */
  rules(): Promise<RulesAnswer> {
    return inSnapshot(this.database, async ({ tx, asOf }) => {
      const { rows } = await tx.query<{ version: number; origin: string }>(
        'SELECT version, origin FROM onchain_point_rules',
      );
      const origins = new Map(rows.map(({ version, origin }) => [version, origin]));
      const { rules } = await loadRates(tx);
      const data = rules.map(({ version, validFrom, stakedPerDay, heldPerDay, chains, contracts }) => ({
        version,
        validFrom: isoTime(validFrom),
        stakedPerTokenPerDay: formatPoints(stakedPerDay),
        heldPerTokenPerDay: formatPoints(heldPerDay),
        chains: [...chains],
        contracts: [...contracts],
        origin: origins.get(version) ?? '',
      }));
      return { data, as_of: asOf };
    });
  }
}

const bytea = (hex: string): string => `\\x${hex.slice(2)}`;

function rowOf({ rows, places }: Standings, account: Address): AccountRow | undefined {
  const place = places.get(account);
  return place === undefined ? undefined : rows[place];
}

function rankOf({ places }: Standings, account: Address): number | null {
  const place = places.get(account);
  return place === undefined ? null : place + 1;
}

function pointsView({ points, final }: Pick<AccountRow, 'points' | 'final'>): {
  points: string;
  pending: string;
  final: string;
} {
  return { points: formatPoints(points), pending: formatPoints(points - final), final: formatPoints(final) };
}

/** Returns the place behind an account with these points, which a client may have changed. */
function placeAfter({ rows }: Standings, points: string, account: string): number {
  const than = /^\d{1,80}$/.test(points) ? BigInt(points) : 0n;
  let [low, high] = [0, rows.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const row = rows[middle];
    const isBehind =
      row !== undefined && (row.points < than || (row.points === than && row.account.slice(2) > account));
    if (isBehind) high = middle;
    else low = middle + 1;
  }
  return low;
}
