import fc from 'fast-check';
import { Clock } from '../../../src/platform/clock/clock.js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ChangeReferences } from '../../../src/events/history/change-references.js';
import { HistoryBackfill } from '../../../src/events/history/history-backfill.js';
import { HistoryStore, type SeriesPoint } from '../../../src/events/history/history-store.js';
import { Rollups } from '../../../src/events/history/rollups.js';
import { DAY_MS, HOUR_MS, historyFixture, type HistoryFixture } from './history-fixture.js';
import { testLoops } from '../../support/servers/background-loops.js';

let fixture: HistoryFixture;
let store: HistoryStore;
let rollups: Rollups;
let backfill: HistoryBackfill;
let runs = 0;

beforeAll(async () => {
  fixture = await historyFixture();
  store = new HistoryStore();
  rollups = new Rollups(fixture.database, fixture.metrics);
  backfill = new HistoryBackfill(fixture.database, new ChangeReferences(fixture.database, new Clock(), testLoops()));
});
afterAll(() => fixture.close());

const TODAY = Date.now() - (Date.now() % DAY_MS);
const START = TODAY - 3 * DAY_MS;

interface Bucket {
  open: number;
  high: number;
  low: number;
  close: number;
  sum: number;
  samples: number;
}

/**
 * Returns the buckets by definition, from all of their points in order of time and sequence; of points with the first time,
 * the last gives the opening value.
 */
function naive(points: readonly SeriesPoint[], width: number): Map<number, Bucket> {
  const buckets = new Map<number, SeriesPoint[]>();
  for (const point of points) {
    const bucket = point.at - (point.at % width);
    buckets.set(bucket, [...(buckets.get(bucket) ?? []), point]);
  }
  return new Map(
    [...buckets].map(([bucket, members]) => {
      const sorted = members.toSorted((a, b) => a.at - b.at || a.seq - b.seq);
      const values = sorted.map((point) => point.value);
      return [
        bucket,
        {
          open: sorted.findLast((point) => point.at === sorted[0]!.at)!.value,
          high: Math.max(...values),
          low: Math.min(...values),
          close: values.at(-1)!,
          sum: values.reduce((sum, value) => sum + value, 0),
          samples: values.length,
        },
      ];
    }),
  );
}

async function stored(table: 'metric_hourly' | 'metric_daily', subject: string): Promise<Map<number, Bucket>> {
  const { rows } = await fixture.test.pool.query(
    `SELECT (extract(epoch FROM bucket) * 1000)::float8 AS bucket, open, high, low, close, sum, samples
     FROM ${table} JOIN metric_series ON id = series_id WHERE subject = $1 ORDER BY 1`,
    [subject],
  );
  return new Map(rows.map(({ bucket, ...rest }) => [bucket, rest]));
}

async function expectAggregates(points: readonly SeriesPoint[], subject: string): Promise<void> {
  const inOrder = (map: Map<number, Bucket>) => new Map([...map].toSorted(([a], [b]) => a - b));
  expect(await stored('metric_hourly', subject)).toEqual(inOrder(naive(points, HOUR_MS)));
  expect(await stored('metric_daily', subject)).toEqual(inOrder(naive(points, DAY_MS)));
}

// Integers, because their sums are exact in any order.
const value = fc.integer({ min: 0, max: 1_000_000 });
const at = fc
  .oneof(fc.integer({ min: 0, max: 3 * DAY_MS - 1 }), fc.constantFrom(0, HOUR_MS, DAY_MS))
  .map((offset) => START + offset);
const batches = fc.array(fc.array(fc.record({ at, value }), { minLength: 1, maxLength: 12 }), {
  minLength: 1,
  maxLength: 5,
});

describe('hourly and daily aggregates', () => {
  test('equal a naive recomputation for any order of points and any time of aggregation', async () => {
    await fc.assert(
      fc.asyncProperty(batches, fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), async (given, aggregate) => {
        const subject = `ordered-${++runs}`;
        const points: SeriesPoint[] = [];
        for (const [index, batch] of given.entries()) {
          const written = batch.map((point, position): SeriesPoint => {
            return { metric: 'tvl', subject, chain: 'ethereum', ...point, seq: points.length + position + 1 };
          });
          points.push(...written);
          await fixture.database.transaction((tx) => store.write(tx, written));
          if (aggregate[index]) await rollups.run();
        }
        expect(await rollups.run()).toBe(true);
        await expectAggregates(points, subject);
      }),
      { numRuns: 25 },
    );
  });

  test('equal a naive recomputation after back-fills that repeat and correct points', async () => {
    await fc.assert(
      fc.asyncProperty(batches, async (given) => {
        const subject = `filled-${++runs}`;
        const latest = new Map<number, SeriesPoint>();
        for (const batch of given) {
          for (const point of batch) {
            latest.set(point.at, { metric: 'price', subject, chain: '', ...point, seq: 0 });
          }
          const written = await backfill.insert(batch.map((p) => ({ metric: 'price', subject, chain: null, ...p })));
          expect(written).toBe(new Set(batch.map((p) => p.at)).size);
        }
        await expectAggregates([...latest.values()], subject);
      }),
      { numRuns: 15 },
    );
  });

  test('count an event once even if it is written twice', async () => {
    const point: SeriesPoint = { metric: 'tvl', subject: 'twice', chain: 'ethereum', at: START, value: 7, seq: 9 };
    for (let time = 0; time < 2; time++) await fixture.database.transaction((tx) => store.write(tx, [point]));
    await rollups.run();
    await expectAggregates([point], 'twice');
  });

  test('include points older than the kept raw history, without storing these points', async () => {
    const old = TODAY - 400 * DAY_MS;
    const points = [5, 1, 9, 4].map((value, index): SeriesPoint => {
      const at = old + [30, 10, 50, 20][index]! * 60_000;
      return { metric: 'tvl', subject: 'ancient', chain: 'ethereum', at, value, seq: index + 1 };
    });
    for (const point of points) {
      await fixture.database.transaction((tx) => store.write(tx, [point]));
      await rollups.run();
    }
    await expectAggregates(points, 'ancient');
    const { rows } = await fixture.test.pool.query(
      `SELECT count(*) FROM metric_points JOIN metric_series ON id = series_id WHERE subject = 'ancient'`,
    );
    expect(rows).toEqual([{ count: 0 }]);
  });

  test('are the same after a repeated back-fill of a time before the kept raw history', async () => {
    const old = TODAY - 500 * DAY_MS;
    const given = [3, 8, 6].map((value, index) => {
      return { metric: 'tvl' as const, subject: 'archive', chain: 'all', at: old + index * 20 * 60_000, value };
    });
    for (let time = 0; time < 2; time++) expect(await backfill.insert(given)).toBe(3);
    await expectAggregates(
      given.map((point) => ({ ...point, seq: 0 })),
      'archive',
    );
  });

  test('are stored for names with tabs, line breaks and backslashes', async () => {
    const subject = 'a\tb\\c\nd\\.';
    await backfill.insert([{ metric: 'tvl', subject, chain: 'ethereum', at: START, value: 1 }]);
    expect((await stored('metric_hourly', subject)).size).toBe(1);
  });

  test('get no row and no series from a back-fill that fails midway', async () => {
    const points = function* () {
      yield { metric: 'tvl' as const, subject: 'half', chain: 'ethereum', at: START, value: 1 };
      throw new Error('source gone');
    };
    await expect(backfill.insert(points())).rejects.toThrow('source gone');
    const { rows } = await fixture.test.pool.query(`SELECT FROM metric_series WHERE subject = 'half'`);
    expect(rows).toEqual([]);
  });

  test('lose no point when writers and aggregators run at once', async () => {
    const writers = Array.from({ length: 4 }, async (_, writer) => {
      for (let batch = 0; batch < 15; batch++) {
        const points = Array.from({ length: 20 }, (_, index): SeriesPoint => {
          const seq = 1 + index + 20 * (batch + 15 * writer);
          return {
            metric: 'tvl',
            subject: 'busy',
            chain: 'ethereum',
            at: START + (seq % 7) * HOUR_MS,
            value: seq,
            seq,
          };
        });
        await fixture.database.transaction((tx) => store.write(tx, points));
      }
    });
    const aggregators = Array.from({ length: 2 }, async () => {
      for (let round = 0; round < 10; round++) await rollups.run();
    });
    await Promise.all([...writers, ...aggregators]);
    await rollups.run();
    const points = Array.from({ length: 1_200 }, (_, index): SeriesPoint => {
      const seq = index + 1;
      return { metric: 'tvl', subject: 'busy', chain: 'ethereum', at: START + (seq % 7) * HOUR_MS, value: seq, seq };
    });
    await expectAggregates(points, 'busy');
  });
});
