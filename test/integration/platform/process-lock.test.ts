import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProcessLock } from '../../../src/platform/database/process-lock.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

const HOLDERS = `SELECT pid FROM pg_stat_activity WHERE application_name = 'defi-realtime-lock' AND datname = current_database()`;

describe('ProcessLock', () => {
  let db: TestDatabase;

  beforeEach(async () => {
    db = await createTestDatabase({ empty: true });
  });

  afterEach(() => db.drop());

  it('refuses a second process on the database until the first releases the lock', async () => {
    const first = await ProcessLock.take(db.url);
    await expect(ProcessLock.take(db.url)).rejects.toThrow(/^Another process already works on this database;/);
    await first.release();
    const second = await ProcessLock.take(db.url);
    await second.release();
  });

  it('can be shared by processes with Redis, but not with a process without Redis', async () => {
    const [first, second] = [await ProcessLock.take(db.url, 'shared'), await ProcessLock.take(db.url, 'shared')];
    await expect(ProcessLock.take(db.url)).rejects.toThrow(/need Redis/);
    await first.release();
    await second.release();
    const alone = await ProcessLock.take(db.url);
    await expect(ProcessLock.take(db.url, 'shared')).rejects.toThrow(/^A process without Redis already works/);
    await alone.release();
  });

  it('waits while another process releases the lock', async () => {
    const first = await ProcessLock.take(db.url);
    const waiting = ProcessLock.take(db.url);
    await first.release();
    await (await waiting).release();
    expect(await waitFor(async () => (await db.pool.query(HOLDERS)).rowCount === 0)).toBe(true);
  });

  it('is acquired again after its connection was lost', async () => {
    const lock = await ProcessLock.take(db.url);
    const { rows } = await db.pool.query<{ pid: number }>(HOLDERS);
    await db.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    await waitFor(async () => {
      const held = await db.pool.query<{ pid: number }>(HOLDERS);
      return held.rows.some((row) => row.pid !== rows[0]?.pid);
    });
    await lock.release();
    expect(await waitFor(async () => (await db.pool.query(HOLDERS)).rowCount === 0)).toBe(true);
  });
});
