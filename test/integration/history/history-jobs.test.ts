import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ChangeReferences } from '../../../src/events/history/change-references.js';
import { HistoryBackfill } from '../../../src/events/history/history-backfill.js';
import { HistoryJobs } from '../../../src/events/history/history-jobs.js';
import { HistoryStore } from '../../../src/events/history/history-store.js';
import { HourlySamples } from '../../../src/events/history/hourly-samples.js';
import { RawPartitions } from '../../../src/events/history/raw-partitions.js';
import { Rollups } from '../../../src/events/history/rollups.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { waitFor } from '../../support/wait-for.js';
import { DAY_MS, HOUR_MS, historyFixture, StoppedClock, type HistoryFixture } from './history-fixture.js';

let fixture: HistoryFixture;
const NOW = Date.now();
const HOUR = NOW - (NOW % HOUR_MS);

beforeEach(async () => {
  fixture = await historyFixture();
});
afterEach(() => fixture.close());

async function rows<T>(sql: string): Promise<T[]> {
  return (await fixture.test.pool.query(sql)).rows as T[];
}

const MILLIS = '(extract(epoch FROM at) * 1000)::float8';

async function addRows(): Promise<void> {
  const { pool } = fixture.test;
  const observed = new Date(HOUR - 1_000).toISOString();
  await pool.query(
    `INSERT INTO protocol_tvl (protocol, chain, tvl, observed_at)
     VALUES ('aave', 'ethereum', 100, '${observed}'), ('aave', 'all', 7, '${observed}')`,
  );
  await pool.query(`INSERT INTO token_prices (token, price, observed_at) VALUES ('bitcoin', 5, '${observed}')`);
}

describe('hourly samples', () => {
  test('store one point per key and hour with the value of the row, however often they are taken', async () => {
    await addRows();
    const samples = new HourlySamples(fixture.database);
    expect(await samples.take(HOUR + 1_000)).toBe(3);
    await fixture.test.pool.query(`UPDATE protocol_tvl SET tvl = 100.5 WHERE chain = 'ethereum'`);
    expect(await Promise.all([samples.take(HOUR + 2_000), samples.take(HOUR + 3_000)])).toEqual([0, 0]);
    expect(await samples.take(HOUR + HOUR_MS + 500)).toBe(3);
    expect(
      await rows(`SELECT ${MILLIS} AS at, value FROM metric_points JOIN metric_series ON id = series_id
                  WHERE chain = 'ethereum' ORDER BY at`),
    ).toEqual([
      { at: HOUR, value: 100 },
      { at: HOUR + HOUR_MS, value: 100.5 },
    ]);
    expect(await rows('SELECT DISTINCT metric, subject, chain FROM metric_series')).toHaveLength(3);
  });

  test('are dated no earlier than the observation of their value', async () => {
    await addRows();
    const observe = (chain: string, at: number) =>
      fixture.test.pool.query('UPDATE protocol_tvl SET tvl = tvl + 1000, observed_at = $1 WHERE chain = $2', [
        new Date(at).toISOString(),
        chain,
      ]);
    await observe('ethereum', HOUR + 800);
    await observe('all', HOUR + 240_000);
    await new HourlySamples(fixture.database).take(HOUR + 2_000);
    expect(
      await rows(
        `SELECT chain, ${MILLIS} AS at, value FROM metric_points JOIN metric_series ON id = series_id ORDER BY at`,
      ),
    ).toEqual([
      { chain: '', at: HOUR, value: 5 },
      { chain: 'ethereum', at: HOUR + 800, value: 1_100 },
      { chain: 'all', at: HOUR + 240_000, value: 1_007 },
    ]);
  });

  test('are dated at the moment of sampling when taken late in an hour', async () => {
    await addRows();
    await new HourlySamples(fixture.database).take(HOUR + 40 * 60_000);
    expect(await rows(`SELECT DISTINCT ${MILLIS} AS at FROM metric_points`)).toEqual([{ at: HOUR + 40 * 60_000 }]);
  });
});

describe('partitions of raw history', () => {
  const partitions = () => new RawPartitions(fixture.database, fixture.settings);
  const names = async () =>
    (
      await rows<{ name: string }>(`SELECT inhrelid::regclass::text AS name FROM pg_inherits
      WHERE inhparent = 'metric_points'::regclass ORDER BY 1`)
    ).map((row) => row.name);

  async function addPoint(at: number, value = 1): Promise<void> {
    const point = { metric: 'tvl' as const, subject: 'aave', chain: 'ethereum', at, value, seq: at };
    await fixture.database.transaction((tx) => new HistoryStore().write(tx, [point]));
  }

  test('are created ahead, even by several processes at once', async () => {
    const before = await names();
    await Promise.all([partitions().prepare(NOW + 60 * DAY_MS), partitions().prepare(NOW + 60 * DAY_MS)]);
    expect((await names()).length).toBeGreaterThanOrEqual(before.length + 8);
    await addPoint(NOW + 70 * DAY_MS);
  });

  test('are dropped by whole weeks after `HISTORY_RAW_DAYS`, while aggregates are kept', async () => {
    await addPoint(NOW - 29 * DAY_MS);
    await addPoint(NOW);
    const rollups = new Rollups(fixture.database, fixture.metrics);
    await rollups.run();
    await partitions().prepare(NOW + 100 * DAY_MS);
    expect(await partitions().retire(NOW)).toBeLessThanOrEqual(1);
    expect(await rows('SELECT FROM metric_points')).toHaveLength(2);
    const shorter = new RawPartitions(fixture.database, Object.assign(fixture.settings, { historyRawDays: 8 }));
    expect(await shorter.retire(NOW)).toBeGreaterThanOrEqual(2);
    expect(await rows('SELECT FROM metric_points')).toHaveLength(1);
    expect(await rows('SELECT FROM metric_hourly')).toHaveLength(2);
    expect(await rows('SELECT FROM metric_daily')).toHaveLength(2);
  });

  test('are kept until all their points are aggregated', async () => {
    const rollups = new Rollups(fixture.database, fixture.metrics);
    await addPoint(NOW - 29 * DAY_MS);
    const soon = new RawPartitions(fixture.database, Object.assign(fixture.settings, { historyRawDays: 1 }));
    expect(await soon.retire(NOW)).toBe(0);
    await rollups.run();
    expect(await soon.retire(NOW)).toBeGreaterThan(0);
    await addPoint(NOW - 29 * DAY_MS, 9);
    await rollups.run();
    expect(await rows('SELECT high, samples FROM metric_hourly')).toEqual([{ high: 9, samples: 2 }]);
  });
});

describe('history jobs', () => {
  test('sample and aggregate, and continue after a failure', async () => {
    await addRows();
    const clock = new StoppedClock(NOW);
    class Failing extends Rollups {
      failures = 1;
      override run(): Promise<boolean> {
        if (this.failures-- > 0) return Promise.reject(new Error('once'));
        return super.run();
      }
    }
    const jobs = new HistoryJobs(
      new Failing(fixture.database, fixture.metrics),
      new HourlySamples(fixture.database),
      new RawPartitions(fixture.database, fixture.settings),
      clock,
      testLoops(),
      fixture.metrics,
    );
    jobs.onApplicationBootstrap();
    await waitFor(async () => (await rows('SELECT FROM metric_daily')).length === 3);
    await jobs.beforeApplicationShutdown();
    expect(await fixture.metrics.registry.getSingleMetricAsString('history_jobs_last_success_seconds')).toContain(
      String(NOW / 1000),
    );
  });
});

describe('reference values of change percentages', () => {
  test('are the last value at or before each window start; totals sum the chains of that time', async () => {
    const references = new ChangeReferences(fixture.database, new StoppedClock(NOW), testLoops());
    const backfill = new HistoryBackfill(fixture.database, references);
    const tvl = (chain: string, ageMs: number, value: number) => {
      return { metric: 'tvl' as const, subject: 'aave', chain, at: NOW - ageMs, value };
    };
    await backfill.insert([
      tvl('ethereum', 8 * DAY_MS, 50),
      tvl('ethereum', 2 * DAY_MS, 80),
      tvl('ethereum', DAY_MS, 100),
      tvl('ethereum', DAY_MS - 1_000, 999),
      tvl('ethereum', HOUR_MS, 200),
      tvl('polygon', 25 * HOUR_MS, 100),
      tvl('staking', 30 * DAY_MS, 5_000),
      { metric: 'price', subject: 'bitcoin', chain: null, at: NOW - 2 * HOUR_MS, value: 4 },
      { metric: 'price', subject: 'zero', chain: null, at: NOW - 2 * HOUR_MS, value: 0 },
    ]);
    expect(references.changes('tvl', 'aave', 'ethereum', 150)).toEqual({ change1h: -25, change24h: 50, change7d: 200 });
    expect(references.changes('tvl', 'aave', null, 300)).toEqual({ change1h: 0, change24h: 50, change7d: 500 });
    expect(references.changes('price', 'bitcoin', null, 5)).toEqual({ change1h: 25, change24h: null, change7d: null });
    expect(references.changes('price', 'zero', null, 5)).toEqual({ change1h: null, change24h: null, change7d: null });
    expect(references.changes('tvl', 'nobody', null, 5)).toEqual({ change1h: null, change24h: null, change7d: null });
  });

  test('are read from hourly aggregates where raw points were dropped', async () => {
    const references = new ChangeReferences(fixture.database, new StoppedClock(NOW), testLoops());
    const at = NOW - 400 * DAY_MS;
    await new HistoryBackfill(fixture.database, references).insert([
      { metric: 'price', subject: 'bitcoin', chain: null, at, value: 4 },
    ]);
    expect(references.changes('price', 'bitcoin', null, 5)).toEqual({ change1h: 25, change24h: 25, change7d: 25 });
  });
});

test('the history migrations can be reverted and applied again', async () => {
  const { History1790000002000 } = await import('../../../migrations/1790000002000-history.js');
  const { HistoryGaps1790000020000 } = await import('../../../migrations/1790000020000-history-gaps.js');
  const [migration, gaps] = [new History1790000002000(), new HistoryGaps1790000020000()];
  const runner = { query: (sql: string) => fixture.test.pool.query(sql) };
  await gaps.down(runner as never);
  await migration.down(runner as never);
  expect(await rows(`SELECT FROM pg_tables WHERE schemaname = 'public' AND tablename ~ '^(metric|history)'`)).toEqual(
    [],
  );
  await migration.up(runner as never);
  await gaps.up(runner as never);
  await addRows();
  expect(await new HourlySamples(fixture.database).take(NOW)).toBe(3);
});
