import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { LogEvent } from '../../../src/events/core/log-event.js';
import { EVENT_ATTEMPTS, LogReader, type LogReaderOptions } from '../../../src/events/feed/log-reader.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';
import { createPod, settle, type Pod } from './capture-fixture.js';

let db: TestDatabase;
let pod: Pod;
let run = 0;

beforeAll(async () => {
  db = await createTestDatabase();
  pod = createPod(db.url);
  await pod.feed.start();
  pod.sequencer.start();
  await db.pool.query('CREATE TABLE effects (reader text, seq bigint); GRANT ALL ON effects TO rta_app');
});

afterAll(async () => {
  await pod.close();
  await db.drop();
});

beforeEach(async () => {
  run++;
  await append(30);
  await settle(pod);
});

const append = (count: number): Promise<unknown> =>
  db.pool.query(
    `SELECT append_events(jsonb_agg(jsonb_build_object('type', 'governance'))) FROM generate_series(1, $1)`,
    [count],
  );

const writeEffects: LogReaderOptions['handle'] = async (tx, batch) => {
  await tx.query(`INSERT INTO effects SELECT $1, unnest($2::bigint[])`, [`r${run}`, batch.map((event) => event.seq)]);
};

const reader = (options: Partial<LogReaderOptions> = {}): LogReader =>
  new LogReader(pod.database, pod.log, pod.feed, testLoops(), {
    name: `r${run}`,
    batchSize: 8,
    minIntervalMs: 0,
    handle: writeEffects,
    ...options,
  });

const effects = async (): Promise<number[]> =>
  (
    await pod.database.query<{ seq: number }>('SELECT seq FROM effects WHERE reader = $1 ORDER BY seq', [`r${run}`])
  ).map(({ seq }) => seq);

const upTo = (seq: number, from = 1): number[] => Array.from({ length: seq - from + 1 }, (_, index) => from + index);

const caughtUp = async (head: number): Promise<unknown> =>
  waitFor(async () => {
    const [row] = await pod.database.query<{ seq: number }>('SELECT seq FROM log_readers WHERE name = $1', [`r${run}`]);
    return (row?.seq ?? 0) >= head;
  });

describe('a durable reader of the log', () => {
  it('skips events in memory that a restored log does not contain', async () => {
    const { headSeq, epoch } = await pod.log.bounds();
    const newest = (await pod.log.read(headSeq - 1, 1))[0] as LogEvent;
    // Events still in memory of a part of the log that was lost: they have this epoch and numbers that the log will
    // assign again.
    const lost = [1, 2, 3].map((ahead): LogEvent => ({ ...newest, seq: headSeq + ahead }));
    const remembering = { epoch, recent: () => lost, subscribe: (ring: () => void) => pod.feed.subscribe(ring) };
    const restored = new LogReader(pod.database, pod.log, remembering as unknown as typeof pod.feed, testLoops(), {
      name: `r${run}`,
      startAt: 'newest',
      minIntervalMs: 0,
      handle: writeEffects,
    });
    restored.start();
    await caughtUp(headSeq);
    await append(2);
    await settle(pod);
    await caughtUp(headSeq + 2);
    await restored.stop();
    expect(await effects()).toEqual([headSeq + 1, headSeq + 2]);
  });

  it('retries a smaller batch after a statement timeout, and skips no event', async () => {
    const sizes: number[] = [];
    const slow = reader({
      handle: async (tx, batch) => {
        sizes.push(batch.length);
        if (batch.length > 2) throw Object.assign(new Error('canceling statement'), { code: '57014' });
        await writeEffects(tx, batch);
      },
    });
    slow.start();
    const { headSeq } = await pod.log.bounds();
    await caughtUp(headSeq);
    await slow.stop();
    expect(await effects()).toEqual(upTo(headSeq));
    expect(sizes.slice(0, 2)).toEqual([8, 2]);
  });

  it('handles every event once, over a restart and with two readers of one name', async () => {
    const first = reader();
    first.start();
    const { headSeq } = await pod.log.bounds();
    await caughtUp(headSeq);
    await first.stop();
    await append(50);
    const pair = [reader(), reader()];
    for (const one of pair) one.start();
    await settle(pod);
    const { headSeq: last } = await pod.log.bounds();
    await caughtUp(last);
    await Promise.all(pair.map((one) => one.stop()));
    const seen = await effects();
    expect(seen).toEqual(upTo(seen.at(-1) ?? 0));
  });

  it('starts after the newest event with `startAt: newest`', async () => {
    const one = reader({ startAt: 'newest' });
    one.start();
    await caughtUp(1);
    const from = (await pod.log.bounds()).headSeq + 1;
    await append(3);
    await caughtUp(from + 2);
    await one.stop();
    expect((await effects()).length).toBeGreaterThanOrEqual(3);
    expect((await effects())[0]).toBeGreaterThan(30);
  });

  it('retries a failed batch, and commits its effects once', async () => {
    let failures = 0;
    const one = reader({
      handle: async (tx, batch) => {
        await writeEffects(tx, batch);
        if (failures++ < 2) throw Object.assign(new Error('deadlock detected'), { code: '40P01' });
      },
    });
    one.start();
    const { headSeq } = await pod.log.bounds();
    await caughtUp(headSeq);
    await one.stop();
    const seen = await effects();
    expect(seen).toEqual(upTo(seen.at(-1) ?? 0));
  });

  it('writes an always failing event to the dead letters, and continues with the next event', async () => {
    const { headSeq } = await pod.log.bounds();
    const poison = headSeq - 3;
    const dead: [number, number][] = [];
    const one = reader({
      handle: async (tx, batch) => {
        await writeEffects(tx, batch);
        if (batch.some((event) => event.seq === poison)) throw new Error('this event cannot be handled');
      },
      deadLetter: (_tx, event: LogEvent, error, attempts) => {
        dead.push([event.seq, attempts]);
        expect(error).toMatchObject({ message: 'this event cannot be handled' });
        return Promise.resolve();
      },
    });
    one.start();
    await caughtUp(headSeq);
    await one.stop();
    const seen = await effects();
    expect(seen).toEqual(upTo(seen.at(-1) ?? 0).filter((seq) => seq !== poison));
    expect(dead).toEqual([[poison, expect.any(Number)]]);
  });

  it('does not count database outages as attempts of an event', async () => {
    const { headSeq } = await pod.log.bounds();
    const unavailable = Object.assign(new Error('starting up'), { code: '57P03' });
    const faults = [unavailable, unavailable, unavailable, unavailable, new Error('not yet')];
    const dead: number[] = [];
    const one = reader({
      startAt: 'newest',
      batchSize: 1,
      handle: async (tx, batch) => {
        await writeEffects(tx, batch);
        const fault = faults.shift();
        if (fault) throw fault;
      },
      deadLetter: (_tx, event) => Promise.resolve(void dead.push(event.seq)),
    });
    one.start();
    await caughtUp(headSeq);
    await append(1);
    await caughtUp(headSeq + 1);
    await one.stop();
    expect([dead, faults, (await effects())[0]]).toEqual([[], [], headSeq + 1]);
  });

  it('stores no dead letter when another process has passed the failed event meanwhile', async () => {
    const { headSeq } = await pod.log.bounds();
    const poison = headSeq - 3;
    const dead: number[] = [];
    let failed = 0;
    const passing = {
      transaction: async <T>(work: Parameters<typeof pod.database.transaction<T>>[0]): Promise<T> => {
        try {
          return await pod.database.transaction(work);
        } catch (error) {
          const passed = 'UPDATE log_readers SET seq = $2 WHERE name = $1';
          if (++failed === EVENT_ATTEMPTS) await pod.database.query(passed, [`r${run}`, poison]);
          throw error;
        }
      },
    };
    const one = new LogReader(passing as unknown as typeof pod.database, pod.log, pod.feed, testLoops(), {
      name: `r${run}`,
      batchSize: 1,
      minIntervalMs: 0,
      handle: async (tx, batch) => {
        if (batch.some((event) => event.seq === poison)) throw new Error('this event cannot be handled');
        await writeEffects(tx, batch);
      },
      deadLetter: (_tx, event) => Promise.resolve(void dead.push(event.seq)),
    });
    one.start();
    await caughtUp(headSeq);
    await one.stop();
    const seen = await effects();
    expect(dead).toEqual([]);
    expect(seen).toEqual(upTo(seen.at(-1) ?? 0).filter((seq) => seq !== poison));
  });

  it('waits at an event that only a newer version knows, while the feed delivers everything after it', async () => {
    const { headSeq } = await pod.log.bounds();
    const letters: unknown[] = [];
    const deadLetter = (...letter: unknown[]): Promise<void> => Promise.resolve(void letters.push(letter));
    const waiting = reader({ deadLetter });
    waiting.start();
    await caughtUp(headSeq);
    await db.pool.query('ALTER TABLE change_outbox DROP CONSTRAINT change_outbox_type_check');
    const delivered: string[] = [];
    const unsubscribe = pod.feed.subscribe((batch) => delivered.push(...batch.map(({ type }) => type)));
    await db.pool.query(`SELECT append_events('[{"type": "emission"}, {"type": "newer"}, {"type": "liquidation"}]')`);
    await waitFor(() => delivered.includes('liquidation'));
    unsubscribe();
    const [newer] = await pod.database.query<{ seq: number }>(`SELECT seq FROM event_log WHERE type = 'newer'`);
    const at = newer?.seq ?? 0;
    await caughtUp(at - 1);
    expect(delivered.filter((type) => type !== 'tick')).toEqual(['emission', 'unknown', 'liquidation']);
    expect((await effects()).at(-1)).toBe(at - 1);
    await waiting.stop();

    // The newer version has another type for the row, and nothing in memory.
    await db.pool.query(`UPDATE event_log SET type = 'governance' WHERE seq = $1`, [at]);
    const emptied = { recent: () => undefined, subscribe: (ring: () => void) => pod.feed.subscribe(ring) };
    const after = new LogReader(pod.database, pod.log, emptied as never, testLoops(), {
      name: `r${run}`,
      handle: writeEffects,
    });
    after.start();
    await caughtUp(at + 1);
    await after.stop();
    expect((await effects()).filter((seq) => Math.abs(seq - at) <= 1)).toEqual([at - 1, at, at + 1]);
    expect(letters).toEqual([]);
  });
});
