import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EventLog } from '../../../src/events/log/event-log.js';
import type { Sequencer } from '../../../src/events/capture/sequencer.js';
import { IngestGate } from '../../../src/events/ingest/ingest-gate.js';
import { PublicationWait } from '../../../src/events/ingest/publication-wait.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Database } from '../../../src/platform/database/database.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

class TestClock extends Clock {
  override now(): number {
    return this.time;
  }
  time = 1_000_000;
}

class FullDiskGate extends IngestGate {
  protected override freeBytes(): Promise<number> {
    return Promise.resolve(1_000);
  }
}

describe('the ingest gate', () => {
  let db: TestDatabase;
  let database: Database;
  let log: EventLog;
  const clock = new TestClock();

  beforeAll(async () => {
    db = await createTestDatabase();
    database = new Database({ url: db.url, poolSize: 3 });
    log = new EventLog(database);
  });

  afterAll(async () => {
    await database.onApplicationShutdown();
    await db.drop();
  });

  it('refuses writes while changes wait for more than 10 s, and accepts writes afterwards', async () => {
    const gate = new IngestGate(log, parseSettings({ DATABASE_URL: db.url }), clock);
    await gate.check();
    await db.pool.query(
      `INSERT INTO change_outbox (type, captured_at) VALUES ('governance', now() - interval '11 seconds')`,
    );
    clock.time += 1_000;
    await expect(gate.check()).rejects.toMatchObject({ code: 'unavailable', retryAfterMs: 5_000 });
    await db.pool.query('DELETE FROM change_outbox');
    await expect(gate.check()).rejects.toMatchObject({ code: 'unavailable' });
    clock.time += 1_000;
    await gate.check();
  });

  it('refuses writes while the disk of the embedded database is nearly full', async () => {
    await expect(new FullDiskGate(log, parseSettings({}), clock).check()).rejects.toMatchObject({
      code: 'unavailable',
    });
    await new IngestGate(log, parseSettings({ DATA_DIR: import.meta.dirname }), clock).check();
  });
});

describe('the wait for a publication', () => {
  it('returns null when the log is too slow, and the head cursor if nothing was published', async () => {
    const bounds = { epoch: 'e1', firstSeq: 1, headSeq: 9, epochStartSeq: 0 };
    let rung = 0;
    const sequencer = { ring: () => rung++ } as unknown as Sequencer;
    const slow = { settled: () => Promise.resolve(undefined), bounds: () => Promise.resolve(bounds) };
    const wait = new PublicationWait(slow as unknown as EventLog, sequencer);
    expect(await wait.cursorAfter('77')).toBeNull();
    expect(await wait.cursorAfter(undefined)).toBe('e1-00000000009');
    expect(rung).toBe(1);
  });
});
