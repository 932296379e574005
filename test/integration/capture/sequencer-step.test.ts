import type { Client } from 'pg';
import type { QueryRunner } from 'typeorm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Capture1790000001000 } from '../../../migrations/1790000001000-capture.js';
import { appendEvents } from '../../../src/events/log/append-events.js';
import { EventLog } from '../../../src/events/log/event-log.js';
import { Database } from '../../../src/platform/database/database.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

let db: TestDatabase;
let database: Database;
let leader: Client;

beforeAll(async () => {
  db = await createTestDatabase();
  database = new Database({ url: db.url, poolSize: 3 });
  leader = await database.connect();
  await leader.query(`SELECT acquire_log_lease('test', 600000, NULL, NULL)`);
});

afterAll(async () => {
  await leader.end();
  await database.onApplicationShutdown();
  await db.drop();
});

/** Runs one step; returns the `correlation_id` of its events, which the tests use as names. */
const step = async (limit = 100, bytes = 1e9): Promise<string[]> => {
  const { rows } = await leader.query<{ correlation_id: string }>(
    `SELECT correlation_id FROM sequencer_step('test', (SELECT lease_epoch FROM log_head), $1, $2)`,
    [limit, bytes],
  );
  return rows.map((row) => row.correlation_id);
};

const INSERT = `INSERT INTO change_outbox (type, correlation_id) SELECT 'governance', unnest($1::text[])`;

describe('a step of the sequencer', () => {
  it('claims the rows of a long transaction only after its commit', async () => {
    const early = await db.pool.connect();
    await early.query('BEGIN');
    await early.query(INSERT, [['early 1']]);
    await db.pool.query(INSERT, [['late']]);
    expect(await step()).toEqual(['late']);
    for (let n = 0; n < 3; n++) {
      await db.pool.query(INSERT, [[`more ${n}`]]);
      expect(await step()).toEqual([`more ${n}`]);
      expect(await step()).toEqual([]);
    }
    await early.query(INSERT, [['early 2']]);
    await early.query('COMMIT');
    early.release();
    expect(await step()).toEqual(['early 1', 'early 2']);
    expect(await step()).toEqual([]);
  });

  it('finishes a backlog page by page before rows that were committed in between', async () => {
    const early = await db.pool.connect();
    await early.query('BEGIN');
    await early.query(INSERT, [['first']]);
    await db.pool.query(INSERT, [['a', 'b', 'c', 'd', 'e']]);
    expect(await step(2)).toEqual(['a', 'b']);
    await early.query('COMMIT');
    early.release();
    await db.pool.query(INSERT, [['f']]);
    expect(await step(2)).toEqual(['c', 'd']);
    expect(await step(2)).toEqual(['e']);
    expect(await step(2)).toEqual(['first', 'f']);
    expect(await step(2)).toEqual([]);
  });

  it('takes only as many rows as fit into the given size of their data, but at least one', async () => {
    await database.transaction((tx) =>
      appendEvents(
        tx,
        [0, 400, 400, 0, 400, 5_000, 0, 400].map((size, n) => ({
          type: 'governance' as const,
          correlationId: `${n}`,
          ...(size === 0 ? {} : { data: { text: 'x'.repeat(size) } }),
        })),
      ),
    );
    const taken: string[] = [];
    for (let n = 0; n < 6; n++) taken.push((await step(100, 1_000)).join());
    expect(taken).toEqual(['0,1,2,3', '4', '5', '6,7', '', '']);
    const { headSeq } = await new EventLog(database).bounds();
    const read = (after: number, limit: number, bytes: number) =>
      new EventLog(database).readPage(headSeq - 8 + after, limit, { types: ['governance'] }, bytes);
    const page = async (...args: Parameters<typeof read>): Promise<[string, boolean]> => {
      const { events, hasMore } = await read(...args);
      return [events.map(({ correlationId }) => correlationId).join(), hasMore];
    };
    expect(await page(0, 100, 1_000)).toEqual(['0,1,2,3', true]);
    expect(await page(4, 100, 1_000)).toEqual(['4', true]);
    expect(await page(5, 2, 1_000)).toEqual(['5', true]);
    expect(await page(6, 100, 1_000)).toEqual(['6,7', false]);
    expect(await page(0, 3, 9_000)).toEqual(['0,1,2', true]);
    // Rows from before their size was stored.
    await db.pool.query('UPDATE event_log SET data_bytes = NULL');
    expect((await read(0, 100, 1_000)).events).toHaveLength(2);
  });

  it('has no effect when its transaction is rolled back', async () => {
    await db.pool.query(INSERT, [['kept']]);
    await leader.query('BEGIN');
    expect(await step()).toEqual(['kept']);
    await leader.query('ROLLBACK');
    expect(await step()).toEqual(['kept']);
    const { rows } = await db.pool.query('SELECT count(*) = max(seq) AS dense FROM event_log');
    expect(rows).toEqual([{ dense: true }]);
  });

  it('uses indexes even if its plan was made on empty tables', async () => {
    for (let n = 0; n < 7; n++) await step();
    const scans = async (): Promise<Record<string, number>> => {
      await leader.query('SELECT pg_stat_force_next_flush()');
      const { rows } = await db.pool.query<{ name: string; scans: number }>(
        `SELECT relname AS name, seq_scan AS scans FROM pg_stat_user_tables
         WHERE relname IN ('change_outbox', 'protocols', 'protocol_tvl')`,
      );
      return Object.fromEntries(rows.map((row) => [row.name, row.scans]));
    };
    await db.pool.query(`INSERT INTO protocols (slug, name) SELECT 'p' || n, 'P' FROM generate_series(1, 2000) n`);
    await db.pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'p' || n, 'bsc', n FROM generate_series(1, 2000) n`,
    );
    const before = await scans();
    for (let n = 0; n < 8; n++) await step(500);
    expect(await scans()).toEqual(before);
  });

  it('stores every field given to `appendEvents` in the log', async () => {
    const event = {
      type: 'alert' as const,
      protocol: 'aave',
      chain: 'bsc',
      token: 'bitcoin',
      previous: 1,
      current: 2.5,
      symbol: 'AAVE',
      data: { deep: { list: [1, 'two', null] } },
      source: 'rules',
      confidence: 0.5,
      tags: ['a', 'b c'],
      observedAt: 1_795_000_000_123,
      owner: 'someone',
      correlationId: 'c-1',
      traceParent: '00-abc',
    };
    await database.transaction((tx) => appendEvents(tx, [event, { type: 'emission' }]));
    await step();
    const log = new EventLog(database);
    const { headSeq } = await log.bounds();
    const [first, second] = await log.read(headSeq - 2, 10);
    expect(first).toMatchObject({ ...event, seq: headSeq - 1, moved: null });
    expect(second).toMatchObject({
      type: 'emission',
      source: 'unknown',
      confidence: 1,
      tags: [],
      data: null,
      owner: null,
    });
    expect(Date.now() - (second?.observedAt ?? 0)).toBeLessThan(60_000);
    const mine = await log.read(headSeq - 2, 10, { owner: 'someone' });
    const others = await log.read(headSeq - 2, 10, { owner: 'another' });
    expect([mine.length, others.length]).toEqual([2, 1]);
  });

  it('is protected from invalid events, which `append_events` refuses', async () => {
    for (const event of [
      { type: 'unheard_of' },
      { type: 'alert', confidence: 2 },
      { type: 'alert', observed_at: 'infinity' },
    ]) {
      await expect(db.pool.query('SELECT append_events($1)', [JSON.stringify([event])])).rejects.toMatchObject({
        code: '23514',
      });
    }
  });
});

describe('the capture migration', () => {
  it('can be reverted without leftovers and applied again', async () => {
    const empty = await createTestDatabase({ empty: true });
    const runner = { query: (sql: string) => empty.pool.query(sql) } as unknown as QueryRunner;
    const migration = new Capture1790000001000();
    await migration.up(runner);
    await migration.down(runner);
    const left = await empty.pool.query(
      `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace
       UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
    );
    expect(left.rows).toEqual([]);
    await migration.up(runner);
    await empty.drop();
  });
});
