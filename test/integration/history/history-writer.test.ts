import type { PoolClient } from 'pg';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { DeadLetterRetries } from '../../../src/events/dead-letters/dead-letter-retries.js';
import { DeadLetters } from '../../../src/events/dead-letters/dead-letters.js';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import { HistoryStore } from '../../../src/events/history/history-store.js';
import { HistoryWriter } from '../../../src/events/history/history-writer.js';
import { HourlySamples } from '../../../src/events/history/hourly-samples.js';
import { Rollups } from '../../../src/events/history/rollups.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { waitFor } from '../../support/wait-for.js';
import { HOUR_MS, historyFixture, sequence, tvlEvent, type HistoryFixture } from './history-fixture.js';

let fixture: HistoryFixture;

beforeEach(async () => {
  fixture = await historyFixture();
  await fixture.feed.start();
});
afterEach(() => fixture.close());

const newWriter = () =>
  new HistoryWriter(
    fixture.database,
    fixture.log,
    fixture.feed,
    new HistoryStore(),
    testLoops(),
    new DeadLetters(fixture.database),
  );

async function rows<T>(sql: string): Promise<T[]> {
  return (await fixture.test.pool.query(sql)).rows as T[];
}

const POINTS = `SELECT subject, value, p.seq FROM metric_points p JOIN metric_series s ON s.id = p.series_id ORDER BY p.seq`;

/** Store that fails as if the connection was lost: after the points, before the position. */
class FailingStore extends HistoryStore {
  failures = 3;

  override async write(...parameters: Parameters<HistoryStore['write']>): Promise<void> {
    await super.write(...parameters);
    if (this.failures-- > 0) throw new Error('connection terminated unexpectedly');
  }
}

/** Store that always refuses one value. */
class RefusingStore extends HistoryStore {
  constructor(public refused: number) {
    super();
  }

  override async write(...parameters: Parameters<HistoryStore['write']>): Promise<void> {
    if (parameters[1].some((point) => point.value === this.refused)) throw new Error('never this one');
    await super.write(...parameters);
  }
}

describe('the history writer', () => {
  test('stores every published value once, including baselines, and the newest value per key', async () => {
    const { pool } = fixture.test;
    await pool.query(`INSERT INTO protocols (slug, name, symbol) VALUES ('aave', 'Aave', 'AAVE')`);
    await pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl, source, tags) VALUES ('aave', 'ethereum', 100, 's', '{a,b}')`,
    );
    await pool.query(
      `INSERT INTO token_prices (token, symbol, chain, price, market_cap) VALUES ('bitcoin', 'BTC', 'bitcoin', 5, 1000)`,
    );
    await pool.query(`UPDATE protocol_tvl SET tvl = 100.5`);
    await pool.query(`UPDATE protocol_tvl SET tvl = 110`);
    await sequence(fixture.test);
    const writer = newWriter();
    writer.onApplicationBootstrap();
    await waitFor(async () => (await rows(POINTS)).length === 3);
    await writer.beforeApplicationShutdown();
    expect(await rows(POINTS)).toMatchObject([
      { subject: 'aave', value: 100 },
      { subject: 'bitcoin', value: 5 },
      { subject: 'aave', value: 110 },
    ]);
    expect(await rows('SELECT * FROM published_values ORDER BY subject')).toMatchObject([
      { metric: 'tvl', subject: 'aave', chain: 'ethereum', value: 110, source: 's', tags: ['a', 'b'], confidence: 1 },
      { metric: 'price', subject: 'bitcoin', chain: '', token_chain: 'bitcoin', symbol: 'BTC', market_cap: 1000 },
    ]);
    expect(await rows(`SELECT seq FROM log_readers WHERE name = 'history'`)).toEqual(
      await rows('SELECT max(seq) AS seq FROM event_log'),
    );
  });

  test('invariant 6: commits points and position together, so a failure loses and repeats none', async () => {
    const { pool } = fixture.test;
    await pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'p' || n, 'ethereum', n FROM generate_series(1, 300) n`,
    );
    await sequence(fixture.test);
    const writer = new HistoryWriter(
      fixture.database,
      fixture.log,
      fixture.feed,
      new FailingStore(),
      testLoops(),
      new DeadLetters(fixture.database),
    );
    writer.onApplicationBootstrap();
    await waitFor(async () => (await rows(POINTS)).length === 300, { timeoutMs: 20_000 });
    await writer.beforeApplicationShutdown();
    expect(await rows(POINTS)).toHaveLength(300);
    expect(await rows('SELECT * FROM history_dirty')).toHaveLength(300);
  });

  test('stores each value once with two processes and lost connections', async () => {
    const { pool } = fixture.test;
    const writers = [newWriter(), newWriter()];
    for (const writer of writers) writer.onApplicationBootstrap();
    for (let round = 0; round < 8; round++) {
      await pool.query(
        `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'r${round}-' || n, 'ethereum', n FROM generate_series(1, 100) n`,
      );
      await sequence(fixture.test);
      await pool.query(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND application_name = 'defi-realtime' AND random() < 0.7`,
      );
    }
    await waitFor(async () => (await rows(POINTS)).length >= 800, { timeoutMs: 20_000 });
    for (const writer of writers) await writer.beforeApplicationShutdown();
    expect(await rows(POINTS)).toHaveLength(800);
    expect(await rows('SELECT DISTINCT seq FROM metric_points')).toHaveLength(800);
  });

  test('writes a failing value to the dead letters, continues, and stores the value on a retry', async () => {
    const { pool } = fixture.test;
    await pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'p' || n, 'ethereum', n FROM generate_series(1, 20) n`,
    );
    await sequence(fixture.test);
    const store = new RefusingStore(7);
    const letters = new DeadLetters(fixture.database);
    const writer = new HistoryWriter(fixture.database, fixture.log, fixture.feed, store, testLoops(), letters);
    writer.onApplicationBootstrap();
    await waitFor(async () => (await rows(POINTS)).length === 19, { timeoutMs: 20_000 });
    await writer.beforeApplicationShutdown();
    const { data } = await letters.list({ limit: 10 });
    expect(data).toMatchObject([{ reader: 'history', reason: expect.stringContaining('never this one'), failures: 5 }]);
    store.refused = Number.NaN;
    const handlers = new Map([['history', (tx: PoolClient, event: LogEvent) => writer.write(tx, [event])]]);
    await new DeadLetterRetries(fixture.database, letters, handlers).retry(data[0]!.id);
    expect(await rows(POINTS)).toHaveLength(20);
    expect((await letters.list({ limit: 10 })).data).toEqual([]);
  });

  test('never replaces a newer published value by an older value', async () => {
    const writer = newWriter();
    await fixture.database.transaction((tx) => writer.write(tx, [tvlEvent({ seq: 900, current: 2 })]));
    await fixture.database.transaction((tx) => writer.write(tx, [tvlEvent({ seq: 899, current: 1 })]));
    expect(await rows('SELECT value, seq FROM published_values')).toEqual([{ value: 2, seq: 900 }]);
  });

  test('keeps all values of one batch, even if their times are equal', async () => {
    const writer = newWriter();
    const observedAt = Date.now();
    const batch = [1, 2, 3].map((current, index) => tvlEvent({ seq: 50 + index, current, observedAt }));
    await fixture.database.transaction((tx) => writer.write(tx, batch));
    expect((await rows<{ value: number }>(POINTS)).map((row) => row.value)).toEqual([1, 2, 3]);
    expect(await rows('SELECT value FROM published_values')).toEqual([{ value: 3 }]);
  });

  test('stores a value dated in the future under the time of its log entry', async () => {
    const writer = newWriter();
    const loggedAt = Date.now();
    const ahead = { observedAt: loggedAt + 1_000 * 24 * HOUR_MS, loggedAt };
    await fixture.database.transaction((tx) => writer.write(tx, [tvlEvent(ahead)]));
    const [point] = await rows<{ at: Date }>('SELECT at FROM metric_points');
    expect(point?.at.getTime()).toBe(loggedAt);
  });

  test('corrects samples taken between the observation of a value and its arrival, and nothing else', async () => {
    const writer = newWriter();
    const samples = new HourlySamples(fixture.database);
    const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS - 2 * HOUR_MS;
    const minute = (n: number) => hour + n * 60_000;
    const write = (...batch: LogEvent[]) => fixture.database.transaction((tx) => writer.write(tx, batch));
    const value = (current: number, observed: number, logged: number) =>
      tvlEvent({ current, observedAt: minute(observed), loggedAt: minute(logged) });
    await fixture.test.pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl, observed_at) VALUES ('aave', 'ethereum', 100, $1)`,
      [new Date(minute(-30))],
    );
    await write(value(100, -30, -30), value(90, -70, -20));
    for (const at of [minute(0), minute(60) + 70_000, minute(120)]) await samples.take(at);
    await fixture.test.pool.query(
      'INSERT INTO metric_points (series_id, at, seq, value) SELECT id, $1, 0, 1 FROM metric_series',
      [new Date(minute(-2))],
    );
    await fixture.test.pool.query('DELETE FROM history_dirty');
    await write(value(150, -1, 1), value(170, 61, 62), value(160, 62, 119), value(300, -10, 130));
    const points = await rows<{ minute: number; value: number }>(`
      SELECT ((extract(epoch FROM at) * 1000 - ${hour}) / 60000)::float8 AS minute, value FROM metric_points
      WHERE seq = 0 ORDER BY at`);
    expect(points.map(({ minute: at, value: held }) => [Math.round(at * 100) / 100, held])).toEqual([
      [-2, 1],
      [0, 150],
      [61.17, 170],
      [120, 100],
    ]);
    const dirty = await rows<{ bucket: Date }>('SELECT DISTINCT bucket FROM history_dirty ORDER BY bucket');
    expect(dirty.map(({ bucket }) => (bucket.getTime() - hour) / HOUR_MS)).toEqual([-1, 0, 1]);
  });

  test('opens a gap after the last value at a removal, and ends or deletes the gap at a new value', async () => {
    const writer = newWriter();
    const hour = Math.floor(Date.now() / HOUR_MS) * HOUR_MS;
    const at = (minute: number) => hour + minute * 60_000;
    const removed = (seq: number, minute: number) =>
      tvlEvent({ type: 'tvl_removed', current: null, seq, loggedAt: at(minute), observedAt: at(minute) });
    const valued = (seq: number, minute: number) => tvlEvent({ seq, observedAt: at(minute), loggedAt: at(minute) });
    const gaps = async () =>
      (await rows<{ since: Date; until: Date | null }>('SELECT since, until FROM history_gaps')).map(
        ({ since, until }) => [since.getTime(), until?.getTime() ?? null],
      );
    const write = (...batch: LogEvent[]) => fixture.database.transaction((tx) => writer.write(tx, batch));
    await write(valued(1, 3), removed(2, 1));
    expect(await gaps()).toEqual([[at(3) + 1, null]]);
    await write(valued(3, 5), removed(4, 7), valued(5, 9));
    expect(await gaps()).toEqual([[at(7), at(9)]]);
    await new Rollups(fixture.database, fixture.metrics).run();
    expect(await gaps()).toEqual([[at(7), at(9)]]);
    await write(valued(6, 6));
    expect(await gaps()).toEqual([]);
  });

  test('stores nothing for events other than published values', async () => {
    const writer = newWriter();
    const events = [tvlEvent({ type: 'tick', current: null }), tvlEvent({ type: 'liquidation', current: 5 })];
    await fixture.database.transaction((tx) => writer.write(tx, events));
    expect(await rows('SELECT FROM metric_series')).toEqual([]);
  });
});
