import type { PoolClient } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import { DeadLetterRetries } from '../../../src/events/dead-letters/dead-letter-retries.js';
import { DeadLetters } from '../../../src/events/dead-letters/dead-letters.js';
import { Database } from '../../../src/platform/database/database.js';
import { aLogEvent } from '../../support/data/log-event.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

const event = (seq: number): LogEvent =>
  aLogEvent({
    seq,
    type: 'governance',
    protocol: 'uniswap-v3',
    data: { proposal: 7 },
    observedAt: 1,
    capturedAt: 2,
    loggedAt: 3,
  });

describe('dead letters', () => {
  let db: TestDatabase;
  let database: Database;
  let letters: DeadLetters;

  beforeAll(async () => {
    db = await createTestDatabase();
    database = new Database({ url: db.url, poolSize: 3 });
  });

  beforeEach(async () => {
    await db.pool.query('TRUNCATE dead_letters');
    letters = new DeadLetters(database);
  });

  afterAll(async () => {
    await database.onApplicationShutdown();
    await db.drop();
  });

  const retriesOfHistory = (handler: (tx: PoolClient, event: LogEvent) => Promise<void>) =>
    new DeadLetterRetries(database, letters, new Map([['history', handler]]));

  const record = (reader: string, seq: number, error: unknown, failures?: number): Promise<void> =>
    database.transaction((tx) => letters.record(tx, reader, event(seq), error, failures));

  it('store the event, the last reason and the total number of failures', async () => {
    await record('history', 1, new TypeError('bad\0 value'), 5);
    await record('history', 1, 'again', 2);
    const { data } = await letters.list({ limit: 10 });
    expect(data).toMatchObject([{ reader: 'history', reason: 'again', failures: 7, event: event(1) }]);
  });

  it('are listed newest first in pages, for all readers or for one reader', async () => {
    for (const seq of [1, 2, 3]) await record(seq === 2 ? 'other' : 'history', seq, new Error(`no ${seq}`));
    const first = await letters.list({ limit: 2 });
    expect(first.data.map(({ reason }) => reason)).toEqual(['Error: no 3', 'Error: no 2']);
    expect(first.page.has_more).toBe(true);
    const second = await letters.list({ limit: 2, cursor: first.page.next_cursor ?? '' });
    expect(second).toMatchObject({ data: [{ reason: 'Error: no 1' }], page: { next_cursor: null, has_more: false } });
    expect((await letters.list({ limit: 9, reader: 'other' })).data).toHaveLength(1);
    await expect(letters.list({ limit: 2, cursor: '1; DROP' })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('are deleted when a retry succeeds', async () => {
    await db.pool.query('CREATE TABLE handled (seq bigint); GRANT INSERT ON handled TO rta_app');
    const retries = retriesOfHistory(async (tx, { seq }) => {
      await tx.query('INSERT INTO handled VALUES ($1)', [seq]);
    });
    await record('history', 4, 'first');
    const [letter] = (await letters.list({ limit: 1 })).data;
    await retries.retry(letter?.id ?? '');
    expect((await letters.list({ limit: 1 })).data).toEqual([]);
    expect((await db.pool.query('SELECT seq FROM handled')).rows).toEqual([{ seq: 4 }]);
    await expect(retries.retry(letter?.id ?? '')).rejects.toMatchObject({ code: 'not_found' });
  });

  it('are kept with the new reason when a retry fails and is rolled back', async () => {
    await db.pool.query('CREATE TABLE undone (seq bigint); GRANT INSERT ON undone TO rta_app');
    const retries = retriesOfHistory(async (tx) => {
      await tx.query('INSERT INTO undone VALUES (1)');
      throw new Error('still broken');
    });
    await record('history', 5, 'first');
    const [letter] = (await letters.list({ limit: 1 })).data;
    await expect(retries.retry(letter?.id ?? '')).rejects.toMatchObject({ code: 'conflict' });
    expect((await letters.list({ limit: 1 })).data).toMatchObject([{ reason: 'Error: still broken', failures: 2 }]);
    expect((await db.pool.query('SELECT FROM undone')).rowCount).toBe(0);
  });

  it('cannot be retried if their reader does not run in the process, but can be discarded', async () => {
    await record('elsewhere', 6, 'first');
    const retries = retriesOfHistory(() => Promise.resolve());
    const [letter] = (await letters.list({ limit: 1 })).data;
    await expect(retries.retry(letter?.id ?? '')).rejects.toMatchObject({ code: 'conflict' });
    expect((await letters.list({ limit: 1 })).data).toEqual([letter]);
    await letters.discard(letter?.id ?? '');
    expect((await letters.list({ limit: 1 })).data).toEqual([]);
    await expect(letters.discard('0')).rejects.toMatchObject({ code: 'not_found' });
  });
});
