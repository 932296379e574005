import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Database } from '../../../src/platform/database/database.js';
import { EventLog } from '../../../src/events/log/event-log.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

let db: TestDatabase;
let database: Database;
let log: EventLog;

beforeAll(async () => {
  db = await createTestDatabase();
  database = new Database({ url: db.url, poolSize: 2 });
  log = new EventLog(database);
});

afterAll(async () => {
  await database.onApplicationShutdown();
  await db.drop();
});

const maintain = async (hours: number, bytes = 1e15): Promise<Record<string, unknown>> =>
  (await database.query('SELECT * FROM maintain_event_log($1, $2)', [hours, bytes]))[0] ?? {};

const partitions = async (): Promise<string[]> =>
  (
    await database.query<{ name: string }>(
      `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'event_log'::regclass ORDER BY 1`,
    )
  ).map(({ name }) => name);

/** Adds rows of an earlier time in a separate partition. */
const addPast = async (hoursAgo: number, from: number, to: number): Promise<string> => {
  const { rows } = await db.pool.query<{ part: string }>(
    `SELECT add_log_partition(starts), to_char(starts AT TIME ZONE 'UTC', '"event_log_"YYYYMMDD"_"HH24') AS part
     FROM (SELECT date_bin('6 hours', now() - $1 * interval '1 hour', '2000-01-01Z') AS starts) s`,
    [hoursAgo],
  );
  await addRows(hoursAgo, from, to);
  return rows[0]?.part ?? '';
};

const addRows = (hoursAgo: number, from: number, to: number): Promise<unknown> =>
  db.pool.query(
    `INSERT INTO event_log (seq, epoch, type, source, confidence, tags, observed_at, captured_at, logged_at, protocol)
     SELECT n, 'e', 'governance', 'test', 1, '{}', t, t, t, 'p' || n % 3 FROM generate_series($2::int, $3::int) n,
       (SELECT date_bin('6 hours', now() - $1 * interval '1 hour', '2000-01-01Z') AS t) s`,
    [hoursAgo, from, to],
  );

describe('partitions of the event log', () => {
  it('exist for more than a day ahead, named by their start in UTC', async () => {
    // The database is a copy that may have been migrated before the last border of six hours: maintenance adds at most one.
    const { made } = await maintain(72);
    expect([0, 1]).toContain(made);
    const names = await partitions();
    expect(names).toContain('event_log_default');
    const last = names.filter((name) => /\d{2}$/.test(name)).at(-1) ?? '';
    const [, year, month, day, hour] = /_(\d{4})(\d{2})(\d{2})_(\d{2})$/.exec(last) ?? [];
    expect(Date.parse(`${year}-${month}-${day}T${hour}:00:00Z`)).toBeGreaterThan(Date.now() + 86_400_000);
    expect(await maintain(72)).toMatchObject({ made: 0, dropped: 0 });
  });

  it('take over their rows from the default partition when they are created', async () => {
    await addRows(200, 1, 9);
    expect((await db.pool.query('SELECT FROM event_log_default')).rowCount).toBe(9);
    const part = await addPast(200, 10, 10);
    expect((await db.pool.query('SELECT FROM event_log_default')).rowCount).toBe(0);
    expect((await db.pool.query(`SELECT FROM ${part}`)).rowCount).toBe(10);
  });

  it('refuse a duplicate sequence number', async () => {
    await expect(addRows(200, 5, 5)).rejects.toMatchObject({ code: '23505' });
  });

  it('are read in order across their borders, with and without filters', async () => {
    await addPast(100, 11, 20);
    const numbers = async (...args: Parameters<EventLog['read']>): Promise<number[]> =>
      (await log.read(...args)).map((event) => event.seq);
    expect(await numbers(7, 6)).toEqual([8, 9, 10, 11, 12, 13]);
    expect(await numbers(-5, 2)).toEqual([1, 2]);
    expect(await numbers(7, 2, { protocol: 'p0' })).toEqual([9, 12]);
    expect(await numbers(18, 5, { types: ['governance'], owner: null })).toEqual([19, 20]);
    expect(await numbers(0, 5, { types: ['alert'] })).toEqual([]);
    expect(await numbers(20, 5)).toEqual([]);
    expect(await log.bounds()).toMatchObject({ firstSeq: 1, headSeq: 20 });
  });

  it('are read by index, without a sequential scan', async () => {
    const results: unknown = await db.pool.query(`BEGIN; SET LOCAL enable_seqscan = off;
      EXPLAIN SELECT * FROM event_log WHERE seq > 5 ORDER BY seq LIMIT 10; COMMIT`);
    const plan = JSON.stringify((results as { rows: unknown[] }[])[2]?.rows);
    expect(plan).toContain('Index Scan');
    expect(plan).not.toMatch(/Seq Scan|-> +Sort/);
  });

  it('are dropped only after every durable reader has read them', async () => {
    await db.pool.query(`INSERT INTO log_readers (name, epoch, seq) VALUES ('slow', 'e', 15)`);
    expect(await maintain(72)).toEqual({ made: 0, dropped: 1, held_by: 'slow' });
    expect(await log.bounds()).toMatchObject({ firstSeq: 11, headSeq: 20 });
    expect((await log.read(3, 2)).map((event) => event.seq)).toEqual([11, 12]);
    await db.pool.query(`UPDATE log_readers SET seq = 20`);
    expect(await maintain(72)).toEqual({ made: 0, dropped: 1, held_by: null });
    expect(await log.bounds()).toMatchObject({ firstSeq: 21, headSeq: 20 });
    expect(await log.read(0, 5)).toEqual([]);
  });

  it('are dropped, oldest first, when the log exceeds its size limit', async () => {
    await addPast(30, 21, 30);
    const newer = await addPast(20, 31, 40);
    await db.pool.query('DELETE FROM log_readers');
    const { rows } = await db.pool.query<{ bytes: number }>(
      `SELECT sum(pg_total_relation_size(inhrelid))::bigint - 1 AS bytes FROM pg_inherits WHERE inhparent = 'event_log'::regclass`,
    );
    expect(await maintain(72, rows[0]?.bytes)).toMatchObject({ dropped: 1 });
    expect(await partitions()).toContain(newer);
    expect(await log.bounds()).toMatchObject({ firstSeq: 31, headSeq: 40 });
  });

  it('are not dropped while a transaction reads them', async () => {
    const reader = await db.pool.connect();
    await reader.query('BEGIN');
    await reader.query('SELECT count(*) FROM event_log');
    expect(await maintain(1)).toMatchObject({ dropped: 0 });
    await reader.query('ROLLBACK');
    reader.release();
    expect(await maintain(1)).toMatchObject({ dropped: 1 });
  });
});
