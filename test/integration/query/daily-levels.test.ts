import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { CATEGORIES_LEFT_OUT, isRealChain } from '../../../src/events/index.js';
import { HistoryStore } from '../../../src/events/history/history-store.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Database } from '../../../src/platform/database/database.js';
import { DailyLevels, totalLevels, type DailyLevel } from '../../../src/query/compat/daily-levels.js';
import { queryParts, type QueryParts } from './query-parts.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Some days that include a change to summer time in New York, all within the raw history. */
const TODAY = Math.floor(Date.now() / DAY) * DAY;
const NOW = TODAY + 23 * HOUR + 58 * 60_000;

interface Point {
  subject: string;
  chain: string;
  at: number;
  value: number;
}

let parts: QueryParts;
let database: Database;
let levels: DailyLevels;

beforeAll(async () => {
  parts = await queryParts();
  // The product's sessions use UTC, although the database and the address set another time zone.
  await parts.db.pool.query(
    `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET timezone = ''America/New_York''', current_database()); END $$`,
  );
  const address = new URL(parts.db.url);
  address.searchParams.set('options', '-c timezone=America/New_York');
  database = new Database({ url: address.href, poolSize: 2 });
  levels = new DailyLevels(database, { now: () => NOW } as Clock);
});
afterAll(async () => {
  await database?.onApplicationShutdown();
  await parts?.close();
});
beforeEach(clear);

async function clear(): Promise<void> {
  await parts.db.pool.query(`DELETE FROM metric_points; DELETE FROM metric_hourly; DELETE FROM metric_daily;
    DELETE FROM history_dirty; DELETE FROM published_values; DELETE FROM metric_series; DELETE FROM protocols;
    DELETE FROM protocol_tvl; DELETE FROM retired_references; DELETE FROM history_ends`);
}

let seq = 0;
async function record(points: readonly Point[]): Promise<void> {
  const store = new HistoryStore();
  await database.transaction((tx) =>
    store.write(
      tx,
      points.map((point) => ({ metric: 'tvl' as const, ...point, seq: ++seq })),
    ),
  );
}

/** Returns points; `values` are pairs of day (0: start of today, 1: start of yesterday) and value. */
function series(subject: string, chain: string, values: [daysAgo: number, value: number][]): Point[] {
  return values.map(([daysAgo, value]) => ({ subject, chain, at: TODAY - daysAgo * DAY, value }));
}

const ago = (found: readonly DailyLevel[]) => found.map(({ date, level }) => [(TODAY - date * 1_000) / DAY, level]);
const everything = { withoutCategories: CATEGORIES_LEFT_OUT };

it('daily sums are exact: a huge value affects only its own day, and a closed series counts as 0', async () => {
  await record([
    ...series('large', 'x', [[4, 5e10]]),
    ...series('odd', 'x', [
      [4, 1e9],
      [3, 1e30],
      [2, 1e9],
    ]),
  ]);
  await parts.rollups.run();
  const expected = [
    [4, 51e9],
    [3, 1e30 + 5e10],
    [2, 51e9],
    [1, 51e9],
    [0, 51e9],
  ];
  expect(ago(await levels.sum({ ...everything, chain: 'x' }))).toEqual(expected);
  expect(ago(await levels.sum(everything))).toEqual(expected);
  await clear();
  await record(
    series('closing', 'x', [
      [3, 1000000000.1],
      [2, 0.7],
      [1, 0],
    ]),
  );
  expect(ago(await levels.sum(everything))).toEqual([
    [3, 1000000000.1],
    [2, 0.7],
    [1, 0],
    [0, 0],
  ]);
});

it('a daily level is the value at the start of the day, and exists for each day from the first value on', async () => {
  await record(
    series('steady', 'x', [
      [4, 100],
      [2 - 23.8 / 24, 500],
    ]),
  );
  const expected = [
    [4, 100],
    [3, 100],
    [2, 100],
    [1, 500],
    [0, 500],
  ];
  expect(ago((await levels.byChain('steady')).get('x') ?? [])).toEqual(expected);
  await parts.rollups.run();
  expect(ago((await levels.byChain('steady')).get('x') ?? [])).toEqual(expected);
});

it('days with only a protocol total keep this total in the daily levels', async () => {
  await record([
    ...series('grown', 'all', [
      [9, 100],
      [3, 120],
    ]),
    ...series('grown', 'ethereum', [[1, 130]]),
  ]);
  const expected = [...[9, 8, 7, 6, 5, 4].map((day) => [day, 100]), [3, 120], [2, 120], [1, 130], [0, 130]];
  expect(ago(await levels.sum(everything))).toEqual(expected);
  expect(ago(totalLevels(await levels.byChain('grown')))).toEqual(expected);
});

it('a value dated in the future is not yet in the daily aggregates', async () => {
  await record([...series('ahead', 'x', [[1, 5]]), { subject: 'ahead', chain: 'x', at: NOW + 4 * 60_000, value: 9 }]);
  expect(ago(await levels.sum(everything))).toEqual([
    [1, 5],
    [0, 5],
  ]);
});

it('daily sums omit excluded categories and double-counted protocols', async () => {
  await parts.db.pool.query(`INSERT INTO protocols (slug, name, category, metadata) VALUES ('a', 'A', 'bridge', '{}'),
    ('b', 'B', 'Staking Pool', '{}'), ('c', 'C', 'Dexs', '{"doublecounted": true}'), ('d', 'D', 'Dexs', '{"doublecounted": false}')`);
  await record(['a', 'b', 'c', 'd'].flatMap((slug, index) => series(slug, 'x', [[0, 10 ** index]])));
  for (const choice of [everything, { ...everything, chain: 'x' }]) {
    expect(ago(await levels.sum(choice))).toEqual([[0, 1_000]]);
  }
});

it.each(['DELETE FROM', 'TRUNCATE'])(
  'after %s, a row counts in the daily levels only for the days it existed',
  async (sql) => {
    const { pool } = parts.db;
    await pool.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('gone', 'x', 8), ('back', 'x', 20)`);
    await record([
      ...series('gone', 'x', [
        [3, 7],
        [2, 8],
      ]),
      ...series('back', 'x', [[2, 20]]),
      // Only its history was back-filled, and no row of it was ever removed: its level continues.
      ...series('filled', 'x', [[1, 100]]),
    ]);
    await pool.query(`${sql} protocol_tvl`);
    const whileGone = await levels.sum(everything);
    await pool.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('back', 'x', 20)`);
    expect(ago(whileGone)).toEqual([
      [3, 7],
      [2, 28],
      [1, 100],
      [0, 100],
    ]);
    expect(ago(await levels.sum(everything))).toEqual([
      [3, 7],
      [2, 28],
      [1, 120],
      [0, 120],
    ]);
    expect([...(await levels.byChain('gone'))].map(([chain, of]) => [chain, ago(of)])).toEqual([
      [
        'x',
        [
          [3, 7],
          [2, 8],
        ],
      ],
    ]);
  },
);

it('a row that was removed and inserted again has no daily level for the days between', async () => {
  await record(
    series('returned', 'x', [
      [5, 7],
      [1.5, 9],
    ]),
  );
  await parts.db.pool.query(
    `INSERT INTO history_ends (series_id, hour, at, seq)
     SELECT id, date_trunc('hour', at), at, 0 FROM metric_series, to_timestamp($1::float8 / 1000) AS at`,
    [TODAY - 3.5 * DAY],
  );
  expect(ago(await levels.sum(everything))).toEqual([
    [5, 7],
    [4, 7],
    [1, 9],
    [0, 9],
  ]);
});

const subjects = ['a', 'b'];
const chains = ['all', 'ethereum', 'base', 'staking'];
const points = fc.array(
  fc.record({
    subject: fc.constantFrom(...subjects),
    chain: fc.constantFrom(...chains),
    at: fc.oneof(
      fc.integer({ min: 0, max: 9 }).map((day) => TODAY - day * DAY),
      fc.integer({ min: TODAY - 9 * DAY, max: NOW + 5 * 60_000 }),
    ),
    value: fc.oneof(fc.constantFrom(0, 1e30, 0.1, 1e-9), fc.double({ min: 0, max: 1e12, noNaN: true })),
  }),
  { minLength: 1, maxLength: 25 },
);

/**
 * Returns the value of each series at the start of the day: the newest value at or before that time; of equal times, the
 * last.
 */
function naive(all: readonly Point[], day: number): Map<string, number> {
  const held = new Map<string, Point>();
  for (const point of all) {
    const key = `${point.subject} ${point.chain}`;
    if (point.at <= day && (held.get(key)?.at ?? -1) <= point.at) held.set(key, point);
  }
  return new Map([...held].map(([key, { value }]) => [key, value]));
}

function naiveTotal(at: ReadonlyMap<string, number>, of: readonly string[]): number | undefined {
  let total: number | undefined;
  for (const subject of of) {
    const own = [...at]
      .filter(([key]) => key.startsWith(`${subject} `))
      .map(([key, value]) => [key.split(' ')[1] ?? '', value] as const);
    const real = own.filter(([chain]) => isRealChain(chain));
    const counted = real.length > 0 ? real : own.filter(([chain]) => chain === 'all');
    for (const [, value] of counted) total = (total ?? 0) + value;
  }
  return total;
}

it(
  'daily levels equal those of a simple reference query, both before and after the raw values are aggregated',
  { timeout: 60_000 },
  async () => {
    const days = Array.from({ length: 10 }, (_, index) => TODAY - (9 - index) * DAY);
    for (const [first, later] of fc.sample(fc.tuple(points, points), { numRuns: 15, seed: 11 })) {
      await clear();
      const all = [...(first ?? []), ...(later ?? [])];
      await record(first ?? []);
      await parts.rollups.run();
      await record(later ?? []);
      const expected = (of: (at: ReadonlyMap<string, number>) => number | undefined) =>
        days.flatMap((day) => {
          const level = of(naive(all, day));
          return level === undefined ? [] : [{ date: day / 1_000, level: about(level) }];
        });
      const rounded = (found: readonly DailyLevel[]) => found.map(({ date, level }) => ({ date, level: about(level) }));
      expect(rounded(await levels.sum(everything))).toEqual(expected((at) => naiveTotal(at, subjects)));
      expect(rounded(await levels.sum({ ...everything, chain: 'ethereum' }))).toEqual(
        expected((at) => {
          const values = subjects.flatMap((subject) => at.get(`${subject} ethereum`) ?? []);
          return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value, 0);
        }),
      );
      const byChain = await levels.byChain('a');
      for (const chain of chains) {
        expect(rounded(byChain.get(chain) ?? [])).toEqual(expected((at) => at.get(`a ${chain}`)));
      }
      expect(rounded(totalLevels(byChain))).toEqual(expected((at) => naiveTotal(at, ['a'])));
    }
  },
);

/** Rounds, because sums of the same numbers in a different order differ in their last digits. */
const about = (value: number): number => Number(value.toPrecision(12));
