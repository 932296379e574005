import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ChangeReferences } from '../../../src/events/history/change-references.js';
import { HistoryBackfill, type HistoryPoint } from '../../../src/events/history/history-backfill.js';
import { SampleSource } from '../../../src/events/sources/sample/sample-source.js';
import { SourceFeed } from '../../../src/events/sources/source-feed.js';
import { SourceRunner } from '../../../src/events/sources/source-runner.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Database } from '../../../src/platform/database/database.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

/** Records the points given to history, which has separate tests. */
class NotedBackfill extends HistoryBackfill {
  readonly points: HistoryPoint[] = [];
  failing = false;
  override insert(points: Iterable<HistoryPoint>): Promise<number> {
    if (this.failing) return Promise.reject(new Error('no history today'));
    const given = [...points];
    this.points.push(...given);
    return Promise.resolve(given.length);
  }
}

describe('the sample source', () => {
  let db: TestDatabase;
  let database: Database;
  let backfill: NotedBackfill;
  const references = { refresh: () => Promise.resolve() } as unknown as ChangeReferences;

  beforeAll(async () => {
    db = await createTestDatabase();
    database = new Database({ url: db.url, poolSize: 4 });
    backfill = new NotedBackfill(database, references);
  });

  afterAll(async () => {
    await database.onApplicationShutdown();
    await db.drop();
  });

  const one = async <T extends object>(sql: string): Promise<T> => (await db.pool.query<T>(sql)).rows[0] as T;
  const played = async (): Promise<number> =>
    (await one<{ played: number }>('SELECT max(played_seconds) AS played FROM sample_playback')).played ?? -1;
  const play = async (speed: string, until: () => Promise<boolean>): Promise<void> => {
    const settings = parseSettings({ DATABASE_URL: db.url, SAMPLE_SPEED: speed });
    const source = new SampleSource(database, settings, new Clock(), backfill);
    const stop = new AbortController();
    const running = source.run(stop.signal);
    await waitFor(until, { timeoutMs: 20_000 });
    stop.abort();
    await running;
  };
  const values = async (): Promise<Map<string, number>> => {
    const { rows } = await db.pool.query<{ protocol: string; tvl: number }>('SELECT protocol, tvl FROM protocol_tvl');
    return new Map(rows.map(({ protocol, tvl }) => [protocol, tvl]));
  };

  it('starts with the rights of a writer only, and records a failed history back-fill', async () => {
    backfill.failing = true;
    await play('60', async () => (await played()) > 0);
    backfill.failing = false;
    expect(await one('SELECT count(*)::int AS n FROM protocol_tvl')).toEqual({ n: 2_001 });
    expect(await one('SELECT history_filled AS filled FROM sample_playback')).toEqual({ filled: false });
  });

  it('resumes at its last position after a long stop, without a jump of values', async () => {
    const [before, position] = [await values(), await played()];
    await db.pool.query(`UPDATE sample_playback SET updated_at = now() - interval '3 days'`);
    await play('60', async () => (await played()) > position);
    expect((await played()) - position).toBeLessThan(3_600);
    const jumps = [...(await values())].filter(([key, tvl]) => Math.abs(tvl / (before.get(key) ?? 0) - 1) > 0.1);
    expect(jumps).toEqual([]);
  });

  it('fills 30 days of history before the start of the playback, once', async () => {
    expect(await one('SELECT history_filled AS filled FROM sample_playback')).toEqual({ filled: true });
    const { begun } = await one<{ begun: number }>(
      'SELECT extract(epoch FROM begun_at)::float8 * 1000 AS begun FROM sample_playback',
    );
    const times = backfill.points.map(({ at }) => at);
    const oldest = times.reduce((a, b) => Math.min(a, b));
    expect(times.every((at) => at <= begun + 1)).toBe(true);
    expect((begun - oldest) / 86_400_000).toBeCloseTo(30, 1);
    expect(new Set(backfill.points.map(({ subject }) => subject)).size).toBeGreaterThan(2_000);
    const filled = backfill.points.length;
    await play('60', async () => true);
    expect(backfill.points).toHaveLength(filled);
  });

  it('tags interpolated values with confidence 0.8, and plays at any speed', async () => {
    const position = await played();
    await play('100000', async () => (await played()) > position + 200_000);
    const { rows } = await db.pool.query<{ interpolated: boolean; confidence: number }>(
      `SELECT DISTINCT 'interpolated' = ANY (tags) AS interpolated, confidence::float8 FROM protocol_tvl`,
    );
    expect(rows.find(({ interpolated }) => interpolated)?.confidence).toBeCloseTo(0.8);
    for (const row of rows.filter(({ interpolated }) => !interpolated)) expect(row.confidence).toBe(1);
  });
});

describe('a source', () => {
  let db: TestDatabase;
  let database: Database;

  beforeAll(async () => {
    db = await createTestDatabase();
    database = new Database({ url: db.url, poolSize: 2 });
  });

  afterAll(async () => {
    await database.onApplicationShutdown();
    await db.drop();
  });

  class Feed extends SourceFeed {
    readonly name = 'feed';
    runs = 0;
    active = 0;
    failFirst = false;
    override async run(signal: AbortSignal): Promise<void> {
      if (this.runs++ === 0 && this.failFirst) throw new Error('first');
      this.active++;
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      this.active--;
    }
  }

  it('runs in one process at a time, and in another process after the first ends', async () => {
    const [here, there] = [new Feed(), new Feed()];
    const runners = [here, there].map((feed) => new SourceRunner(database, testLoops(), [feed]));
    for (const runner of runners) runner.onApplicationBootstrap();
    await waitFor(() => here.active + there.active === 1);
    const [first, second] = here.active ? [0, 1] : [1, 0];
    await runners[first]?.onModuleDestroy();
    await waitFor(() => [here, there][second]?.active === 1);
    expect([here, there][first]?.active).toBe(0);
    await runners[second]?.onModuleDestroy();
    expect(here.active + there.active).toBe(0);
  });

  it('runs again after a failure and after lost database connections', async () => {
    const feed = new Feed();
    feed.failFirst = true;
    const runner = new SourceRunner(database, testLoops(), [feed]);
    runner.onApplicationBootstrap();
    await waitFor(() => feed.active === 1);
    await db.pool.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    await waitFor(() => feed.runs === 3);
    await runner.onModuleDestroy();
    expect(feed.active).toBe(0);
  });
});
