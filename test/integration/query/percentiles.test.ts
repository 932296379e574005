import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FIRST_DAY, MINUTE } from './query-world.js';
import { queryParts, type QueryParts } from './query-parts.js';

/** Rounding error of a logarithm at the edge of a bin. */
const NOISE = 1e-9;
const SHARES = [0, 0.1, 0.5, 0.9, 0.99, 1];
const HOUR = 60 * MINUTE;
const at = (hour: number) => new Date(FIRST_DAY + hour * HOUR).toISOString();

let parts: QueryParts;

beforeAll(async () => {
  // Pretends that there are more rows than those for which exact percentiles are computed.
  parts = await queryParts({ series: { tvl: 1_000_000, price: 1_000_000 }, logRows: 1_000_000, protocols: 1_000_000 });
});
afterAll(() => parts?.close());

/** Zeros, bounds of bins, values close together, and values of all magnitudes. */
const value = fc.oneof(
  fc.constant(0),
  fc.double({ min: 1e-300, max: 1e300, noNaN: true }),
  fc.integer({ min: -290, max: 290 }).map((exponent) => 1.3 * 10 ** exponent),
  fc.integer({ min: -2_000, max: 2_000 }).map((bin) => (1.01 / 0.99) ** bin),
  fc.double({ min: 0.999, max: 1.001, noNaN: true }),
  fc.integer({ min: 1, max: 5 }),
);
const groups = fc.array(fc.record({ group: fc.constantFrom('a', 'b', 'c'), value }), { minLength: 1, maxLength: 60 });

interface Valued {
  group: string;
  value: number;
}

function naive(all: readonly Valued[], group: string, p: number): number {
  const values = all.filter((one) => one.group === group).map((one) => one.value);
  return values.sort((a, b) => a - b)[Math.max(0, Math.ceil(p * values.length) - 1)] ?? Number.NaN;
}

const percentiles = (field: string, more: object = {}) =>
  SHARES.map((p, index) => ({ field, operation: 'percentile', p, as: `p${index}`, group_by: 'symbol', ...more }));

function expectWithin(rows: readonly Record<string, unknown>[], all: readonly Valued[], error: number): void {
  expect(rows.map(({ symbol }) => String(symbol)).sort()).toEqual([...new Set(all.map(({ group }) => group))].sort());
  for (const row of rows) {
    for (const [index, p] of SHARES.entries()) {
      const right = naive(all, String(row['symbol']), p);
      const found = row[`p${index}`];
      const off = typeof found === 'number' ? Math.abs(found - right) : NaN;
      expect([right, off <= Math.abs(right) * (error + NOISE)]).toEqual([right, true]);
    }
  }
}

async function store(all: readonly Valued[]): Promise<void> {
  const rows = JSON.stringify(all.map((one, index) => ({ token: `t${index}`, ...one })));
  await parts.db.pool.query(
    'TRUNCATE token_prices, metric_series, metric_points, metric_hourly, metric_daily, history_dirty',
  );
  await parts.db.pool.query(
    `INSERT INTO token_prices (token, symbol, price) SELECT token, "group", value
     FROM jsonb_to_recordset($1) AS r (token text, "group" text, value float8)`,
    [rows],
  );
  await parts.db.pool.query(
    `WITH series AS (INSERT INTO metric_series (metric, subject) SELECT 'price', token FROM token_prices RETURNING id, subject),
     points AS (INSERT INTO metric_points (series_id, at, value) SELECT id, $1, price FROM series JOIN token_prices ON token = subject RETURNING series_id, at)
     INSERT INTO history_dirty (series_id, bucket) SELECT series_id, at FROM points`,
    [at(3)],
  );
  await parts.rollups.run();
}

it(
  'percentiles of many values stay within the stated relative error, for current values and time ranges',
  { timeout: 900_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(groups, async (all) => {
        await store(all);
        for (const time of [
          {},
          { time: { from: at(0), to: at(24) } },
          { time: { from: at(0), to: at(24), bucket: '1h' } },
        ]) {
          const { rows, relativeError } = await parts.run({
            dataset: 'prices',
            ...time,
            aggregations: percentiles('price'),
          });
          expect(relativeError).toBe(0.01);
          expectWithin(rows.slice(), all, 0.01);
        }
      }),
      { numRuns: process.env['TEST_LONG'] === '1' ? 400 : 25 },
    );
  },
);

it('aggregates next to an approximate percentile stay exact', async () => {
  const all = [4, 0, 1e-9, 7, 7, 1e12].map((one, index) => ({ group: index < 4 ? 'a' : 'b', value: one }));
  await store(all);
  const beside = ['sum', 'avg', 'min', 'max', 'count'].map((operation) => ({
    field: 'price',
    operation,
    as: operation,
    group_by: 'symbol',
  }));
  const { rows, relativeError } = await parts.run({
    dataset: 'prices',
    aggregations: [...percentiles('price'), ...beside],
    having: { field: 'count', op: 'gt', value: 2 },
  });
  expect(relativeError).toBe(0.01);
  expectWithin(rows.slice(), all.slice(0, 4), 0.01);
  expect(rows.slice()).toMatchObject([
    { symbol: 'a', sum: 11.000000001, avg: 11.000000001 / 4, min: 0, max: 7, count: 4 },
  ]);
});

it('a group without values has the percentile null', async () => {
  await parts.db.pool.query(`INSERT INTO protocols (slug, name, symbol) VALUES ('empty', 'Empty', 'none')`);
  const { rows, relativeError } = await parts.run({ dataset: 'protocols', aggregations: percentiles('tvl') });
  expect(relativeError).toBe(0.01);
  expect(rows.slice()).toEqual([
    { symbol: 'none', ...Object.fromEntries(SHARES.map((_, index) => [`p${index}`, null])) },
  ]);
});

it('a query without matching rows returns count 0 and percentile null', async () => {
  const count = [{ operation: 'count' }, { field: 'tvl', operation: 'count' }];
  const { rows, relativeError } = await parts.run({
    dataset: 'protocols',
    where: { field: 'protocol', op: 'eq', value: 'none' },
    aggregations: [{ field: 'tvl', operation: 'percentile', p: 0.5 }, ...count],
  });
  expect(relativeError).toBe(0.01);
  expect(rows.slice()).toEqual([{ percentile_tvl: null, count: 0, count_tvl: 0 }]);
});

it('percentiles are exact for negative values, and beside other fields or distinct counts', async () => {
  const all = [-3, -1e-9, 0, 2, 1e9].map((one, index) => ({ group: index < 4 ? 'a' : 'b', value: one }));
  await parts.db.pool.query(
    `INSERT INTO event_log (seq, epoch, type, symbol, current, observed_at, captured_at, logged_at, source, confidence, tags)
     SELECT row_number() OVER (), 'e1', 'governance', "group", value, now(), now(), now(), 'test', 1, '{}'
     FROM jsonb_to_recordset($1) AS r ("group" text, value float8)`,
    [JSON.stringify(all)],
  );
  const events = await parts.run({ dataset: 'events', aggregations: percentiles('current') });
  expect(events.relativeError).toBeUndefined();
  expectWithin(events.rows.slice(), all, 0);
  await store(all.filter((one) => one.value >= 0));
  const group = { group_by: 'symbol' };
  for (const beside of [
    { field: 'price', operation: 'count_distinct', ...group },
    { field: 'market_cap', operation: 'percentile', p: 0.5, as: 'other', ...group },
  ]) {
    const exact = await parts.run({ dataset: 'prices', aggregations: [...percentiles('price'), beside] });
    expect(exact.relativeError).toBeUndefined();
    expectWithin(
      exact.rows.slice(),
      all.filter((one) => one.value >= 0),
      0,
    );
  }
});
