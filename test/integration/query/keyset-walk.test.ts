import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseQuery } from '../../../src/query/core/parse-query.js';
import { queryDeadline, QueryRunner, type QueryResult } from '../../../src/query/execution/query-runner.js';
import { createTestApp, type TestApp } from '../../support/create-test-app.js';

const PROTOCOLS = 30;
const PAGE = 7;
const DAY = 86_400_000;
/** Four days ago: nothing that happens now falls into it. */
const START = Math.floor(Date.now() / DAY) * DAY - 4 * DAY;
const CATEGORIES = ['Dexs', 'Lending', null];

let app: TestApp;
let runner: QueryRunner;
let inserted = 0;

beforeAll(async () => {
  app = await createTestApp();
  runner = app.nest.get(QueryRunner, { strict: false });
  for (let n = 0; n < PROTOCOLS; n += 1) await insert(`kept-${String(n).padStart(2, '0')}`, n);
});
afterAll(() => app?.close());

/** A protocol with a category that many have or none, a value that many have, and values every six hours. */
async function insert(protocol: string, n: number): Promise<void> {
  const { pool } = app.db;
  await pool.query('INSERT INTO protocols (slug, name, category) VALUES ($1, $1, $2)', [
    protocol,
    CATEGORIES[n % CATEGORIES.length],
  ]);
  await pool.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ($1, 'base', $2)`, [protocol, n % 5]);
  await pool.query(
    `WITH series AS (
       INSERT INTO metric_series (metric, subject, chain) VALUES ('tvl', $1, 'base')
       ON CONFLICT (metric, subject, chain) DO UPDATE SET subject = excluded.subject RETURNING id
     ), added AS (
       INSERT INTO metric_points (series_id, at, value)
       SELECT id, at, $3 FROM series, generate_series($2::timestamptz, $2::timestamptz + interval '18 hours', '6 hours') AS at
       RETURNING series_id, at
     ) INSERT INTO history_dirty (series_id, bucket) SELECT series_id, date_trunc('hour', at, 'UTC') FROM added`,
    [protocol, new Date(START).toISOString(), n % 5],
  );
}

/** Every page of the answer, while rows are inserted between them. */
async function walk(request: object): Promise<QueryResult['rows'][number][]> {
  const query = parseQuery({ ...request, limit: PAGE });
  const rows: QueryResult['rows'][number][] = [];
  let page: Pick<QueryResult, 'next' | 'range'> = { next: undefined, range: undefined };
  do {
    const result = await runner.run(query, {
      owner: 'tester',
      signal: new AbortController().signal,
      deadline: queryDeadline(),
      position: page.next,
      range: page.range,
    });
    rows.push(...result.rows);
    page = result;
    // Names before, between and behind those that are there.
    if (rows.length % 3 === 0) await insert(`${['a', 'kept-1x', 'z'][inserted % 3]}-${inserted}`, inserted++);
  } while (page.next !== undefined);
  return rows;
}

const range = { from: new Date(START).toISOString(), to: new Date(START + DAY).toISOString() };

describe.each(['asc', 'desc'] as const)('a walk in the order %s', (order) => {
  it.each([
    ['rows with equal values', { sort: { field: 'tvl', order } }, 1],
    ['rows with missing values', { sort: { field: 'category', order } }, 1],
    [
      'several keys in differing orders',
      {
        sort: [
          { field: 'category', order },
          { field: 'tvl', order: order === 'asc' ? 'desc' : 'asc' },
        ],
      },
      1,
    ],
    ['single values of equal times', { time: range, sort: { field: 'time', order } }, 4],
    ['buckets of time', { time: { ...range, bucket: '1h' }, sort: { field: 'time', order } }, 4],
    ['buckets of days', { time: { ...range, bucket: '1d' }, sort: { field: 'time', order } }, 1],
    ['buckets by value', { time: { ...range, bucket: '4h' }, sort: { field: 'tvl', order } }, 4],
  ])('shows what is there all the time exactly once: %s', async (_, request, times) => {
    const rows = await walk(request);
    const shown = rows.map((row) => `${String(row['protocol'])} ${String(row['time'])}`);
    expect(new Set(shown).size).toBe(shown.length);
    const kept = rows.flatMap(({ protocol }) => (String(protocol).startsWith('kept-') ? [String(protocol)] : []));
    for (let n = 0; n < PROTOCOLS; n += 1) {
      const name = `kept-${String(n).padStart(2, '0')}`;
      expect(kept.filter((one) => one === name)).toHaveLength(times);
    }
    const { field } = [request.sort].flat()[0] ?? { field: '' };
    expect(
      isOrdered(
        rows.map((row) => row[field] ?? null),
        order,
      ),
    ).toBe(true);
  });
});

/** Missing values come last in either order. */
function isOrdered(values: readonly unknown[], order: 'asc' | 'desc'): boolean {
  return values.every((value, index) => {
    const before = values[index - 1];
    if (index === 0 || value === null) return true;
    const [low, high] = order === 'asc' ? [before, value] : [value, before];
    if (typeof low === 'number' && typeof high === 'number') return low <= high;
    return typeof low === 'string' && typeof high === 'string' && low <= high;
  });
}
