import { afterAll, beforeAll, expect, it } from 'vitest';
import { HistoryStore } from '../../../src/events/history/history-store.js';
import { queryParts, type QueryParts } from './query-parts.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TODAY = Math.floor(Date.now() / DAY) * DAY;

let parts: QueryParts;

type Point = readonly [metric: 'tvl' | 'price', subject: string, chain: string, ago: number, value: number];

async function record(points: readonly Point[]): Promise<void> {
  const written = points.map(([metric, subject, chain, ago, value], seq) => ({
    metric,
    subject,
    chain,
    at: TODAY - ago,
    value,
    seq,
  }));
  await parts.database.transaction((tx) => new HistoryStore().write(tx, written));
}

beforeAll(async () => {
  parts = await queryParts();
  await parts.db.pool
    .query(`INSERT INTO protocols (slug, name, category) VALUES ('plain', 'Plain', 'dexs'), ('percent', '100% sure', 'DEXS'),
    ('under', '100 sure', NULL)`);
  await parts.db.pool.query(
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('plain', 'base', 1), ('percent', 'base', 2), ('under', 'base', 4)`,
  );
  const points = [
    ['price', 'coin', '', 2 * DAY, 1],
    ['price', 'coin', '', 2 * DAY - HOUR, 0.9],
    ['price', 'coin', '', 2 * DAY - 2 * HOUR, 1.1],
    ['price', 'other', '', 2 * DAY, 1],
    ['tvl', 'grown', 'all', 9 * DAY, 100],
    ['tvl', 'grown', 'all', 3 * DAY, 120],
    ['tvl', 'grown', 'ethereum', DAY, 130],
  ] as const;
  await record(points);
});
afterAll(() => parts?.close());

const rowsOf = async (body: object) => {
  const { rows } = await parts.run(body);
  return rows.slice(0, rows.length);
};
const day = (ago: number) => new Date(TODAY - ago * DAY).toISOString();

it('a condition on `price` tests the `over_time` value of the aggregation in each bucket', async () => {
  const time = { from: day(3), to: day(0), bucket: '1d' };
  const where = { field: 'price', op: 'lt', value: 0.95 };
  const aggregations = (...readings: string[]) =>
    readings.map((reading) => ({
      field: 'price',
      operation: 'min',
      over_time: reading,
      group_by: 'token',
      as: reading,
    }));
  const asked = (...readings: string[]) =>
    rowsOf({ dataset: 'prices', time, where, aggregations: aggregations(...readings) });
  expect(await asked('min')).toEqual([{ time: day(2), token: 'coin', min: 0.9 }]);
  expect(await asked('last')).toEqual([]);
  expect(await asked('min', 'last')).toEqual([{ time: day(2), token: 'coin', min: 0.9, last: null }]);
  expect(
    await rowsOf({
      dataset: 'prices',
      time: { from: day(3), to: day(0) },
      where,
      aggregations: [{ operation: 'count' }, ...aggregations('min')].map((one) => ({ ...one, group_by: 'token' })),
    }),
  ).toEqual([{ token: 'coin', count: 1, min: 0.9 }]);
});

it('the sum of `tvl` includes days for which only a protocol total is stored', async () => {
  const sum = [{ field: 'tvl', operation: 'sum' }];
  const asked = (to: number, fill = 'previous') =>
    rowsOf({ time: { from: day(9), to: day(to), bucket: '1d', fill }, aggregations: sum });
  const levels = [100, 100, 100, 100, 100, 100, 120, 120, 130];
  for (const round of ['values', 'aggregates']) {
    expect([round, (await asked(0)).map((row) => row['sum_tvl'])]).toEqual([round, levels]);
    expect((await asked(0, 'none')).map((row) => row['sum_tvl'])).toEqual([100, 120, 130]);
    expect(
      (await rowsOf({ time: { from: day(9), to: day(0) }, aggregations: sum })).map((row) => row['sum_tvl']),
    ).toEqual([130]);
    expect(
      (await rowsOf({ time: { from: day(9), to: day(2) }, aggregations: sum })).map((row) => row['sum_tvl']),
    ).toEqual([120]);
    expect((await rowsOf({ time: { from: day(9), to: day(0) } })).map((row) => row['tvl'])).toEqual([100, 120, 130]);
    await parts.rollups.run();
  }
});

it('a protocol total counts again once the last real chain of the protocol is removed', async () => {
  await record([
    ['tvl', 'back', 'all', 9 * DAY, 10],
    ['tvl', 'back', 'ethereum', 7 * DAY, 30],
    ['tvl', 'back', 'all', 3 * DAY, 20],
  ]);
  await parts.db.pool.query(
    `INSERT INTO history_ends (series_id, hour, at, seq)
     SELECT id, $1, $1, 100 FROM metric_series WHERE subject = 'back' AND chain = 'ethereum'`,
    [new Date(TODAY - 5 * DAY + 12 * HOUR).toISOString()],
  );
  const sum = [{ field: 'tvl', operation: 'sum', as: 'sum' }];
  const asked = async (time: object) =>
    (
      await rowsOf({ filters: { protocols: ['back'] }, time: { from: day(9), to: day(0), ...time }, aggregations: sum })
    ).map((row) => row['sum']);
  for (const round of ['values', 'aggregates']) {
    // The chain has values from the seventh day until noon of the fifth; the total is 10, then 20.
    const carried = [10, 10, 30, 30, 10, 10, 20, 20, 20];
    expect([round, await asked({ bucket: '1d', fill: 'previous' })]).toEqual([round, carried]);
    expect(await asked({ bucket: '1d' })).toEqual([10, 30, 20]);
    expect(await asked({ to: day(6) })).toEqual([30]);
    expect(await asked({ from: day(4) })).toEqual([20]);
    await parts.rollups.run();
  }
});

it('a `like` pattern uses the backslash as its escape character', async () => {
  const names = async (value: string) =>
    (await rowsOf({ where: { field: 'name', op: 'like', value }, sort: { field: 'tvl', order: 'asc' } })).map(
      (row) => row['name'],
    );
  expect(await names('%100\\%%')).toEqual(['100% sure']);
  expect(await names('%100_%')).toEqual(['100% sure', '100 sure']);
  expect(await names('%100\\_%')).toEqual([]);
  expect(await names('%\\\\%')).toEqual([]);
});

it('categories are compared case-insensitively', async () => {
  const slugs = async (body: object) => (await rowsOf(body)).map((row) => String(row['protocol'])).sort();
  for (const value of ['Dexs', 'DEXS', 'dexs']) {
    expect(await slugs({ filters: { categories: [value] } })).toEqual(['percent', 'plain']);
    expect(await slugs({ dataset: 'protocols', where: { field: 'category', op: 'eq', value } })).toEqual([
      'percent',
      'plain',
    ]);
    expect(await slugs({ where: { field: 'category', op: 'ne', value } })).toEqual([]);
    expect(await slugs({ where: { not: { field: 'category', op: 'eq', value } } })).toEqual(['under']);
    expect(await slugs({ where: { field: 'category', op: 'nin', value: [value] } })).toEqual([]);
    expect(
      (
        await rowsOf({
          aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'category' }],
          having: { field: 'category', op: 'in', value: [value] },
        })
      ).length,
    ).toBe(2);
  }
});

it('without raw values, a range is computed from whole hours, and `covered` reports its edges', async () => {
  const aged = await queryParts();
  try {
    const start = TODAY - 3 * DAY;
    await aged.database.transaction((tx) =>
      new HistoryStore().write(tx, [
        { metric: 'tvl', subject: 'aged', chain: 'base', at: start + 10 * 60_000, value: 1, seq: 1 },
        { metric: 'tvl', subject: 'aged', chain: 'base', at: start + HOUR + 50 * 60_000, value: 2, seq: 2 },
      ]),
    );
    await aged.rollups.run();
    await aged.db.pool.query('UPDATE history_state SET raw_from = $1', [new Date(TODAY - DAY)]);
    const ask = (from: number, to: number) =>
      aged.run({
        time: { from: new Date(start + from * HOUR).toISOString(), to: new Date(start + to * HOUR).toISOString() },
        aggregations: [{ field: 'tvl', operation: 'max', over_time: 'max' }],
      });
    const inside = await ask(0, 1.5);
    expect(inside.rows.slice(0, 1)).toEqual([{ max_tvl: 1 }]);
    expect(inside.covered).toEqual({ from: start, to: start + HOUR });
    expect((await ask(0, 2)).rows.slice(0, 1)).toEqual([{ max_tvl: 2 }]);
    const nothing = await ask(1.25, 1.5);
    expect(nothing.rows.slice(0, 1)).toEqual([{ max_tvl: null }]);
    expect(nothing.covered).toEqual({ from: start + HOUR, to: start + HOUR });
  } finally {
    await aged.close();
  }
});
