import { Injectable } from '@nestjs/common';
import type { ClientBase } from 'pg';
import { Database } from '../../platform/database/database.js';
import { eachInSlices } from '../../platform/loop/slices.js';
import { DAY_MS, formatPoints, microPoints } from '../core/index.js';
import { ChainAlarms } from '../store/chain-alarms.js';
import { eachIntervalOfAll, Sums } from './all-intervals.js';
import { inSnapshot, type PointsSnapshot } from './points-snapshot.js';
import type { RecalculateAnswer } from './points.dto.js';

/** Keys of the sums of an account: numerators up to the start and the end of the day, and up to the newest block. */
const [START, END, NOW] = [0, 1, 2];
/** Chain of alarms that concern the points of all chains. */
const ALL_CHAINS = 'all';
/** Rows of one statement. */
const ROWS_PER_STATEMENT = 5_000;

interface DayRow {
  readonly account: string;
  readonly points: bigint;
  readonly earned: bigint;
}

/** Points at the ends of days, computed from the intervals and the rules of the day; the same again changes nothing. */
@Injectable()
export class DailyPoints {
  constructor(
    private readonly database: Database,
    private readonly alarms: ChainAlarms,
  ) {}

  /**
   * Calculates a day, such as `2026-01-31`, in place of what was calculated before, and compares the balances with their
   * intervals: a difference is an alarm.
   */
  async calculate(day: string): Promise<RecalculateAnswer> {
    const start = Date.parse(`${day}T00:00:00.000Z`);
    const { rows, drift, version } = await inSnapshot(this.database, async (snapshot) => ({
      ...(await computed(snapshot, start)),
      version: await versionOf(snapshot),
    }));
    await this.store(day, rows, drift, version);
    if (drift === 0n) await this.alarms.clear(ALL_CHAINS, 'points_drift');
    else
      await this.alarms.raise(
        ALL_CHAINS,
        'points_drift',
        `points differ from their intervals by ${formatPoints(drift)}`,
      );
    return { accounts: rows.length, drift: formatPoints(drift) };
  }

  /**
   * Returns the days before `today` that were not calculated yet, or are to be calculated again, the oldest first; the first one ever
   * is yesterday.
   */
  async missingDays(today: number, most: number): Promise<string[]> {
    const rows = await this.database.query<{ day: string }>(
      `SELECT to_char(d, 'YYYY-MM-DD') AS day FROM (
         SELECT generate_series(coalesce((SELECT max(day) + 1 FROM onchain_days), $1::date - 1), $1::date - 1, '1 day') AS d
         UNION SELECT day FROM onchain_days WHERE stale_since IS NOT NULL AND day < $1::date) days
       ORDER BY d LIMIT $2`,
      [new Date(today).toISOString(), most],
    );
    return rows.map(({ day }) => day);
  }

  private async store(day: string, rows: readonly DayRow[], drift: bigint, version: string): Promise<void> {
    await this.database.transaction(async (tx) => {
      await tx.query(
        `INSERT INTO onchain_days (day, accounts, drift) VALUES ($1, $2, $3) ON CONFLICT (day) DO UPDATE
         SET accounts = excluded.accounts, drift = excluded.drift, calculated_at = clock_timestamp(),
           stale_since = nullif(onchain_days.stale_since, least(onchain_days.stale_since, $4::bigint))`,
        [day, rows.length, drift.toString(), version],
      );
      await dropOthers(tx, day, rows);
      for (let from = 0; from < rows.length; from += ROWS_PER_STATEMENT) {
        const some = rows.slice(from, from + ROWS_PER_STATEMENT);
        await tx.query(UPSERT, [
          day,
          some.map(({ account }) => account),
          some.map(({ points }) => points.toString()),
          some.map(({ earned }) => earned.toString()),
        ]);
      }
      // The planner does not know yet how many rows the day has, and would compare each with each.
      await tx.query('SET LOCAL enable_nestloop = off');
      await tx.query(RANKS, [day]);
    });
  }
}

/** Deletes the rows of accounts that are not part of the day any more: few, and none where it is calculated first. */
async function dropOthers(tx: ClientBase, day: string, rows: readonly DayRow[]): Promise<void> {
  const known = new Set<string>();
  await eachInSlices(rows, ({ account }) => known.add(account));
  await tx.query(
    `DECLARE day_rows NO SCROLL CURSOR FOR SELECT encode(account, 'hex') FROM onchain_points_daily WHERE day = $1`,
    [day],
  );
  const gone: string[] = [];
  for (;;) {
    const { rows: page } = await tx.query<[account: string]>({
      text: `FETCH ${ROWS_PER_STATEMENT} FROM day_rows`,
      rowMode: 'array',
    });
    for (const [account] of page) if (!known.has(account)) gone.push(account);
    if (page.length < ROWS_PER_STATEMENT) break;
  }
  await tx.query('CLOSE day_rows');
  await tx.query(
    `DELETE FROM onchain_points_daily d USING unnest($2::text[]) a WHERE d.day = $1 AND d.account = decode(a, 'hex')`,
    [day, gone],
  );
}

const UPSERT = `INSERT INTO onchain_points_daily AS d (day, account, points, earned, rank)
  SELECT $1, decode(account, 'hex'), points, earned, 0 FROM unnest($2::text[], $3::numeric[], $4::numeric[]) AS u (account, points, earned)
  ON CONFLICT (account, day) DO UPDATE SET points = excluded.points, earned = excluded.earned
  WHERE (d.points, d.earned) IS DISTINCT FROM (excluded.points, excluded.earned)`;

const RANKS = `UPDATE onchain_points_daily d SET rank = r.rank FROM (
    SELECT account, row_number() OVER (ORDER BY points DESC, account) AS rank FROM onchain_points_daily WHERE day = $1) r
  WHERE d.day = $1 AND d.account = r.account AND d.rank <> r.rank`;

/** Sums the intervals of all accounts; an interval is divided exactly at the ends of the day and where the rules change. */
async function computed(snapshot: PointsSnapshot, start: number): Promise<{ rows: DayRow[]; drift: bigint }> {
  const { tx, contracts, rates } = snapshot;
  const end = start + Number(DAY_MS);
  const known = new Map(contracts.map((contract) => [contract.id, { contract, rates: ratesOf(snapshot, contract) }]));
  const sums = new Sums();
  const byContract = new Sums();
  await eachIntervalOfAll(tx, ([id, account, staked, quantity, from, to]) => {
    const found = known.get(id);
    if (found === undefined) return;
    const integral = found.rates.of(staked);
    const [first, last] = [integral.at(from), Math.min(to ?? found.contract.at, found.contract.at)];
    for (const [key, limit] of [
      [START, start],
      [END, end],
      [NOW, last],
    ] as const) {
      const until = Math.min(last, limit);
      if (until <= from) continue;
      const numerator = BigInt(quantity) * (integral.at(until) - first);
      sums.add(account, key, numerator);
      if (key === NOW) byContract.add(account, id, numerator);
    }
  });
  let drift = 0n;
  await eachPosition(snapshot, ([account, id, base, staked, held]) => {
    const found = known.get(id);
    if (found === undefined) return;
    const { contract } = found;
    const of = rates.of(contract.chain, contract.address, contract.standard);
    const stands = BigInt(base) + BigInt(staked) * of.staked.at(contract.at) + BigInt(held) * of.held.at(contract.at);
    const off = stands - (byContract.byAccount.get(account)?.get(id) ?? 0n);
    drift += off < 0n ? -off : off;
  });
  const rows: DayRow[] = [];
  await eachInSlices(sums.byAccount, ([account, own]) => {
    const atEnd = own.get(END);
    // Accounts that had their first token later are not part of the day.
    if (atEnd === undefined) return;
    const [before, after] = [microPoints(own.get(START) ?? 0n), microPoints(atEnd)];
    rows.push({ account, points: after, earned: after - before });
  });
  // Rounded up, so that no drift looks like none.
  return { rows, drift: drift === 0n ? 0n : microPoints(drift) + 1n };
}

async function versionOf({ tx }: PointsSnapshot): Promise<string> {
  const { rows } = await tx.query<{ version: string }>('SELECT version FROM onchain_points_state');
  return rows[0]?.version ?? '0';
}

const ratesOf = ({ rates }: PointsSnapshot, { chain, address, standard }: PointsSnapshot['contracts'][number]) =>
  rates.of(chain, address, standard);

type PositionRow = [account: string, contract: number, base: string, staked: string, held: string];

async function eachPosition({ tx }: PointsSnapshot, take: (row: PositionRow) => void): Promise<void> {
  await tx.query(
    `DECLARE all_positions NO SCROLL CURSOR FOR SELECT encode(account, 'hex'), contract, base, staked, held FROM onchain_positions`,
  );
  for (;;) {
    const { rows } = await tx.query<PositionRow>({ text: 'FETCH 5000 FROM all_positions', rowMode: 'array' });
    await eachInSlices(rows, take);
    if (rows.length < ROWS_PER_STATEMENT) break;
  }
}
