import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ChangeReferences } from '../../../src/events/history/change-references.js';
import { HistoryBackfill } from '../../../src/events/history/history-backfill.js';
import { HistoryStore } from '../../../src/events/history/history-store.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { evaluate, type Request, type Row } from './naive-query.js';
import type { Point, Series, World } from './naive-rows.js';
import { FIRST_DAY, MINUTE } from './query-world.js';
import { queryParts, type QueryParts } from './query-parts.js';
import { testLoops } from '../../support/servers/background-loops.js';

const HOUR = 60 * MINUTE;
/** Number of days, so that values lie before and after the end of a partition. */
const DAYS = 5;
const NAMES = ['aave', 'lido'];

let parts: QueryParts;
let backfill: HistoryBackfill;
const store = new HistoryStore();

beforeAll(async () => {
  parts = await queryParts();
  backfill = new HistoryBackfill(parts.database, new ChangeReferences(parts.database, new Clock(), testLoops()));
});
afterAll(() => parts?.close());

interface Value {
  subject: string;
  at: number;
  value: number;
}
type Step = { kind: 'published' | 'corrected'; values: Value[] } | { kind: 'aggregated' };

/** Few hours, so that each is corrected several times; they include the edges of hours, days and partitions. */
const value: fc.Arbitrary<Value> = fc
  .record({
    subject: fc.constantFrom(...NAMES),
    hour: fc.constantFrom(0, 1, 23, 24, 25, 47, 48, 70, 95, 119),
    minute: fc.constantFrom(0, 1, 30, 59),
    value: fc.integer({ min: 0, max: 9 }),
  })
  .map(({ subject, hour, minute, value: of }) => ({
    subject,
    at: FIRST_DAY + hour * HOUR + minute * MINUTE,
    value: of,
  }));
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    {
      weight: 3,
      arbitrary: fc.record({
        kind: fc.constantFrom('published' as const, 'corrected' as const),
        values: fc.array(value, { minLength: 1, maxLength: 10 }),
      }),
    },
    { weight: 1, arbitrary: fc.constant({ kind: 'aggregated' as const }) },
  ),
  { minLength: 2, maxLength: 8 },
);

/** Expected points: a published value stays, a back-filled one replaces the previous value of the same time. */
class Recorded {
  private readonly points = new Map<string, Map<string, Point>>(NAMES.map((name) => [name, new Map()]));
  private seq = 0;

  async take(step: Step): Promise<void> {
    if (step.kind === 'aggregated') {
      await parts.rollups.run();
      return;
    }
    const points = step.values.map((one) => ({
      metric: 'tvl' as const,
      chain: 'base',
      ...one,
      seq: step.kind === 'published' ? ++this.seq : 0,
    }));
    for (const { subject, at, value: of, seq } of points) {
      this.points.get(subject)?.set(`${at} ${seq}`, { at, value: of, seq, round: 0 });
    }
    if (step.kind === 'corrected') await backfill.insert(points);
    else await parts.database.transaction((tx) => store.write(tx, points));
  }

  world(): World {
    const observation = { source: '', confidence: 1, tags: [], observed_at: '' };
    const tvl = [...this.points].map(([subject, points]): Series => {
      const inOrder = [...points.values()].sort((a, b) => a.at - b.at || a.seq - b.seq);
      return { subject, chain: 'base', current: undefined, observation, points: inOrder };
    });
    return { now: Date.now(), tvl, prices: [], protocols: new Map(), tokens: new Map(), events: [] };
  }
}

const time = { from: new Date(FIRST_DAY).toISOString(), to: new Date(FIRST_DAY + DAYS * 24 * HOUR).toISOString() };
const aggregations = ['last', 'avg', 'min', 'max'].flatMap((overTime) =>
  ['sum', 'count'].map((operation) => ({
    field: 'tvl',
    operation,
    over_time: overTime,
    as: `${operation}_${overTime}`,
    group_by: ['protocol'],
  })),
);
/** Queries that use raw values, hours and days, separately and together. */
const questions: readonly Request[] = [
  ...(['15m', '1h', '4h', '1d', '1w'] as const).map((bucket): Request => ({
    dataset: 'tvl',
    time: { ...time, bucket },
    aggregations,
  })),
  { dataset: 'tvl', time, aggregations },
  { dataset: 'tvl', time: { from: new Date(FIRST_DAY + 90 * MINUTE).toISOString(), to: time.to }, aggregations },
];

const shown = (rows: readonly Row[]) =>
  rows.map((row) =>
    JSON.stringify(
      Object.entries(row)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([name, of]) => [name, typeof of === 'number' ? Number(of.toPrecision(9)) : of]),
    ),
  );

/** SQL of the aggregates that differ from those of their raw values, in either direction. */
const DIFFERENCES = (table: string, unit: string) => `
  SELECT * FROM (
    SELECT series_id, date_trunc('${unit}', at, 'UTC') AS bucket, (array_agg(value ORDER BY at, seq DESC))[1] AS open, max(value) AS high,
      min(value) AS low, (array_agg(value ORDER BY at DESC, seq DESC))[1] AS close, sum(value) AS sum, count(*) AS samples
    FROM metric_points GROUP BY 1, 2) raw
  FULL JOIN ${table} kept USING (series_id, bucket)
  WHERE (raw.open, raw.high, raw.low, raw.close, raw.sum, raw.samples)
    IS DISTINCT FROM (kept.open, kept.high, kept.low, kept.close, kept.sum, kept.samples)`;

it(
  'query results match a naive model after late and corrected values, whenever rollups run',
  { timeout: 900_000 },
  async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        await parts.db.pool.query('TRUNCATE metric_series, metric_points, metric_hourly, metric_daily, history_dirty');
        const recorded = new Recorded();
        for (const step of all) {
          await recorded.take(step);
          const world = recorded.world();
          for (const question of questions) {
            const { rows } = await parts.run(question);
            expect(shown(rows.slice() as Row[]).sort()).toEqual(shown(evaluate(world, question)).sort());
          }
        }
        await parts.rollups.run();
        for (const [table, unit] of [
          ['metric_hourly', 'hour'],
          ['metric_daily', 'day'],
        ] as const) {
          expect((await parts.db.pool.query(DIFFERENCES(table, unit))).rows).toEqual([]);
        }
      }),
      { numRuns: process.env['TEST_LONG'] === '1' ? 300 : 12 },
    );
  },
);
