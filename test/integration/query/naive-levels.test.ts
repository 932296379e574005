import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { HistoryBackfill } from '../../../src/events/index.js';
import { createTestApp, type TestApp } from '../../support/create-test-app.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const start = Math.floor(Date.now() / DAY_MS) * DAY_MS - 4 * DAY_MS;

interface Point {
  subject: string;
  chain: string;
  at: number;
  value: number;
}

let app: TestApp;
let points: Point[];

beforeAll(async () => {
  app = await createTestApp({ settings: { LIMIT_API_REQUESTS: 'free=0,pro=0,enterprise=0' } });
  const byTime = new Map<string, Point>();
  for (let n = 0; n < 1_500; n += 1) {
    const subject = `p${n % 5}`;
    const chain = ['ethereum', 'base', 'bsc'][(n * 7) % 3] ?? '';
    const at = start + ((n * 7_919_357) % (3 * DAY_MS));
    byTime.set(`${subject} ${chain} ${at}`, { subject, chain, at, value: ((n * 48_271) % 1_000) + 1 });
  }
  points = [...byTime.values()];
  await app.nest.get(HistoryBackfill).insert(points.map((point) => ({ metric: 'tvl' as const, ...point })));
  // Late values: marked, and perhaps not yet in the aggregates when the queries come.
  const late = points.slice(0, 60).map((point) => ({ ...point, at: point.at + 1, value: point.value + 0.5 }));
  await app.db.pool.query(
    `WITH given AS (SELECT s.id, to_timestamp(g.at / 1000) AS at, g.value
       FROM unnest($1::text[], $2::text[], $3::float8[], $4::float8[]) AS g (subject, chain, at, value)
       JOIN metric_series s USING (subject, chain)),
     written AS (INSERT INTO metric_points (series_id, at, seq, value) SELECT id, at, 0, value FROM given ON CONFLICT DO NOTHING)
     INSERT INTO history_dirty (series_id, bucket) SELECT id, date_trunc('hour', at, 'UTC') FROM given`,
    [late.map((p) => p.subject), late.map((p) => p.chain), late.map((p) => p.at), late.map((p) => p.value)],
  );
  points.push(...late);
});
afterAll(() => app?.close());

type OverTime = 'last' | 'avg' | 'min' | 'max';
type Operation = 'sum' | 'avg' | 'min' | 'max' | 'count' | 'percentile';

interface Question {
  from: number;
  to: number;
  bucket: '5m' | '1h' | '4h' | '1d';
  overTime: OverTime;
  operation: Operation;
  chains: string[];
  grouped: boolean;
}

const LENGTH = { '5m': 300_000, '1h': HOUR_MS, '4h': 4 * HOUR_MS, '1d': DAY_MS };

function reduced(values: number[], how: OverTime): number {
  if (how === 'last') return values.at(-1) ?? Number.NaN;
  if (how === 'avg') return values.reduce((a, b) => a + b, 0) / values.length;
  return how === 'min' ? Math.min(...values) : Math.max(...values);
}

function combined(values: number[], how: Operation): number {
  const sum = values.reduce((a, b) => a + b, 0);
  if (how === 'sum') return sum;
  if (how === 'avg') return sum / values.length;
  if (how === 'count') return values.length;
  if (how === 'min') return Math.min(...values);
  if (how === 'max') return Math.max(...values);
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(0.9 * sorted.length)) - 1] ?? Number.NaN;
}

function naive({ from, to, bucket, overTime, operation, chains, grouped }: Question): Map<string, number> {
  const series = new Map<string, number[]>();
  const inRange = points.filter((p) => p.at >= from && p.at < to && (chains.length === 0 || chains.includes(p.chain)));
  for (const p of inRange.sort((a, b) => a.at - b.at)) {
    const time = Math.floor(p.at / LENGTH[bucket]) * LENGTH[bucket];
    const key = JSON.stringify([time, p.chain, p.subject]);
    series.set(key, [...(series.get(key) ?? []), p.value]);
  }
  const groups = new Map<string, number[]>();
  for (const [key, values] of series) {
    const [time, chain] = JSON.parse(key) as [number, string];
    const group = `${new Date(time).toISOString()} ${grouped ? chain : ''}`;
    groups.set(group, [...(groups.get(group) ?? []), reduced(values, overTime)]);
  }
  return new Map([...groups].map(([group, values]) => [group, combined(values, operation)]));
}

async function asked(question: Question): Promise<Map<string, number>> {
  const { from, to, bucket, overTime, operation, chains, grouped } = question;
  const answer = await fetch(`${app.url}/v1/query/advanced`, {
    method: 'POST',
    headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      filters: { chains },
      time: { from: new Date(from).toISOString(), to: new Date(to).toISOString(), bucket },
      aggregations: [
        {
          field: 'tvl',
          operation,
          over_time: overTime,
          as: 'value',
          ...(operation === 'percentile' && { p: 0.9 }),
          ...(grouped && { group_by: 'chain' }),
        },
      ],
      limit: 1_000,
    }),
  });
  const { data } = (await answer.json()) as { data: { time: string; chain?: string; value: number }[] };
  return new Map(data.map((row) => [`${row.time} ${row.chain ?? ''}`, row.value]));
}

const question: fc.Arbitrary<Question> = fc
  .record({
    from: fc.integer({ min: start, max: start + 2 * DAY_MS }),
    length: fc.integer({ min: 60_000, max: 2 * DAY_MS }),
    bucket: fc.constantFrom('5m' as const, '1h' as const, '4h' as const, '1d' as const),
    overTime: fc.constantFrom<OverTime>('last', 'avg', 'min', 'max'),
    operation: fc.constantFrom<Operation>('sum', 'avg', 'min', 'max', 'count', 'percentile'),
    chains: fc.subarray(['ethereum', 'base', 'bsc']),
    grouped: fc.boolean(),
  })
  .map(({ length, ...rest }) => ({
    ...rest,
    to: rest.from + Math.min(length, rest.bucket === '5m' ? 20 * HOUR_MS : length),
  }));

test('random questions over levels equal their naive answer, late values included', async () => {
  await fc.assert(
    fc.asyncProperty(question, async (given) => {
      const [ours, expected] = [await asked(given), naive(given)];
      expect([...ours.keys()].sort()).toEqual([...expected.keys()].sort());
      for (const [group, value] of expected) expect(ours.get(group)).toBeCloseTo(value, 6);
    }),
    { numRuns: process.env['TEST_LONG'] ? 1_000 : 60 },
  );
});
