import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Row } from './naive-query.js';
import { queryParts, type QueryParts } from './query-parts.js';

const NAMES = 30;
const PAGE = 7;
/** Number of names that are inserted during a walk. */
const INSERTS = 9;
const DAY = 86_400_000;
/** Four days ago, so that current writes are outside of the range. */
const START = Math.floor(Date.now() / DAY) * DAY - 4 * DAY;
const CATEGORIES = ['Dexs', 'Lending', null];

let parts: QueryParts;

beforeAll(async () => {
  parts = await queryParts();
  for (let n = 0; n < NAMES; n += 1) await insert(keptName(n), n);
});
afterAll(() => parts?.close());
afterEach(removeInserted);

const keptName = (n: number) => `kept-${String(n).padStart(2, '0')}`;

/** Inserts a protocol with a common category or none, a common value, and values every six hours; and a similar token. */
async function insert(name: string, n: number): Promise<void> {
  const { pool } = parts.db;
  const category = CATEGORIES[n % CATEGORIES.length];
  await pool.query('INSERT INTO protocols (slug, name, category) VALUES ($1, $1, $2)', [name, category]);
  await pool.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ($1, 'base', $2)`, [name, n % 5]);
  await pool.query('INSERT INTO token_prices (token, price, market_cap) VALUES ($1, $2, $3)', [
    name,
    n % 5,
    n % 4 === 0 ? null : n % 3,
  ]);
  await pool.query(
    `WITH series AS (
       INSERT INTO metric_series (metric, subject, chain) VALUES ('tvl', $1, 'base') RETURNING id
     ), added AS (
       INSERT INTO metric_points (series_id, at, value)
       SELECT id, at, $3 FROM series, generate_series($2::timestamptz, $2::timestamptz + interval '18 hours', '6 hours') AS at
       RETURNING series_id, at
     ) INSERT INTO history_dirty (series_id, bucket) SELECT series_id, date_trunc('hour', at, 'UTC') FROM added`,
    [name, new Date(START).toISOString(), n % 5],
  );
}

/**
 * Returns all pages of the answer; between the first pages, rows are inserted before, between and after the existing
 * ones.
 */
function walk(request: object): Promise<readonly Row[]> {
  let inserted = 0;
  return parts.all({ ...request, limit: PAGE }, async () => {
    if (inserted === INSERTS) return;
    if (inserted % 2 === 0) await parts.rollups.run();
    await insert(`${['a', 'kept-1x', 'z'][inserted % 3]}-${inserted}`, inserted++);
  });
}

/** Removes the inserted rows; the original rows stay. */
async function removeInserted(): Promise<void> {
  for (const [table, column] of [
    ['protocols', 'slug'],
    ['protocol_tvl', 'protocol'],
    ['token_prices', 'token'],
  ]) {
    await parts.db.pool.query(`DELETE FROM ${table} WHERE ${column} !~ '^kept-[0-9]{2}$'`);
  }
  await parts.db.pool.query(
    `WITH gone AS (DELETE FROM metric_series WHERE subject !~ '^kept-[0-9]{2}$' RETURNING id),
     hours AS (DELETE FROM metric_hourly h USING gone WHERE h.series_id = gone.id),
     days AS (DELETE FROM metric_daily d USING gone WHERE d.series_id = gone.id),
     marks AS (DELETE FROM history_dirty m USING gone WHERE m.series_id = gone.id)
     DELETE FROM metric_points p USING gone WHERE p.series_id = gone.id`,
  );
}

const range = { from: new Date(START).toISOString(), to: new Date(START + DAY).toISOString() };
const sumBy = (field: string) => ({ aggregations: [{ field: 'tvl', operation: 'sum', group_by: field, as: 'total' }] });
const capBy = { aggregations: [{ field: 'market_cap', operation: 'max', group_by: 'token', as: 'cap' }] };

describe.each(['asc', 'desc'] as const)('paging in %s order', (order) => {
  it.each([
    ['rows with equal values', { sort: { field: 'tvl', order } }, 1],
    ['rows with missing values', { sort: { field: 'category', order } }, 1],
    [
      'several sort keys in opposite orders',
      {
        sort: [
          { field: 'category', order },
          { field: 'tvl', order: order === 'asc' ? 'desc' : 'asc' },
        ],
      },
      1,
    ],
    ['single values with equal times', { time: range, sort: { field: 'time', order } }, 4],
    ['buckets of one hour', { time: { ...range, bucket: '1h' }, sort: { field: 'time', order } }, 4],
    ['buckets of one day', { time: { ...range, bucket: '1d' }, sort: { field: 'time', order } }, 1],
    ['buckets sorted by value', { time: { ...range, bucket: '4h' }, sort: { field: 'tvl', order } }, 4],
    [
      'filled buckets sorted by value',
      { time: { ...range, bucket: '4h', fill: 'previous' }, sort: { field: 'tvl', order } },
      6,
    ],
    ['buckets with null gaps', { time: { ...range, bucket: '4h', fill: 'null' }, sort: { field: 'tvl', order } }, 6],
    ['missing numbers', { dataset: 'prices', sort: { field: 'market_cap', order } }, 1],
    ['groups with equal aggregates', { ...sumBy('protocol'), sort: { field: 'total', order } }, 1],
    ['groups with missing aggregates', { dataset: 'prices', ...capBy, sort: { field: 'cap', order } }, 1],
    [
      'groups in buckets',
      { time: { ...range, bucket: '4h' }, ...sumBy('protocol'), sort: { field: 'total', order } },
      4,
    ],
    [
      'groups in buckets with gaps',
      { time: { ...range, bucket: '4h', fill: 'null' }, ...sumBy('protocol'), sort: { field: 'total', order } },
      6,
    ],
  ])('returns every permanent row exactly once despite inserts: %s', async (_, request, times) => {
    const rows = await walk(request);
    const nameOf = (row: Row): string => String(row['protocol'] ?? row['token']);
    const shown = rows.map((row) => `${nameOf(row)} ${String(row['time'])}`);
    expect(new Set(shown).size).toBe(shown.length);
    const kept = rows.map(nameOf).filter((name) => name.startsWith('kept-'));
    for (let n = 0; n < NAMES; n += 1) expect(kept.filter((one) => one === keptName(n))).toHaveLength(times);
    const { field } = [request.sort].flat()[0] ?? { field: '' };
    expect(
      isOrdered(
        rows.map((row) => row[field] ?? null),
        order,
      ),
    ).toBe(true);
  });
});

/** Whether the values are ordered, with missing values last in both directions. */
function isOrdered(values: readonly unknown[], order: 'asc' | 'desc'): boolean {
  return values.every((value, index) => {
    const before = values[index - 1];
    if (index === 0 || value === null) return true;
    const [low, high] = order === 'asc' ? [before, value] : [value, before];
    if (typeof low === 'number' && typeof high === 'number') return low <= high;
    return typeof low === 'string' && typeof high === 'string' && low <= high;
  });
}
