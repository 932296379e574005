import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { LeaseCandidate } from '../../../src/events/capture/lease-candidate.js';
import type { LeaderSession } from '../../../src/events/capture/leader-session.js';
import { Database } from '../../../src/platform/database/database.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';

const NOWHERE = { epoch: '', seq: 0 };

let db: TestDatabase;
let database: Database;
let candidates: LeaseCandidate[];
let sessions: LeaderSession[];
let heard: string[];

beforeEach(async () => {
  db = await createTestDatabase();
  database = new Database({ url: db.url, poolSize: 2 });
  [candidates, sessions, heard] = [[], [], []];
});

afterEach(async () => {
  await Promise.all([...candidates.map((one) => one.close()), ...sessions.map((one) => one.end())]);
  await database.onApplicationShutdown();
  await db.drop();
});

function candidate(name: string): LeaseCandidate {
  const made = new LeaseCandidate(database, name, () => heard.push(name));
  candidates.push(made);
  return made;
}

async function led(by: LeaseCandidate): Promise<LeaderSession> {
  const session = await by.acquire(NOWHERE);
  if (session === undefined) throw new Error('the lease was not free');
  sessions.push(session);
  return session;
}

describe('LeaseCandidate', () => {
  it('is notified when a leader releases the lease, and can acquire the lease at once', async () => {
    const [first, second] = [candidate('first'), candidate('second')];
    const leader = await led(first);
    expect(await second.isFree()).toBe(false);
    expect(await second.acquire(NOWHERE)).toBeUndefined();
    expect(heard).toEqual([]);
    await leader.release();
    await waitFor(() => heard.includes('second'));
    expect(await second.isFree()).toBe(true);
    expect((await led(second)).leaseEpoch).toBe(leader.leaseEpoch + 1);
  });

  it('is still notified of a released lease after its own connection was cut', async () => {
    const [first, second] = [candidate('first'), candidate('second')];
    const leader = await led(first);
    await second.isFree();
    await db.pool.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE datname = current_database() AND query LIKE 'SELECT owner IS NULL%'`,
    );
    await waitFor(async () => !(await second.isFree()));
    await leader.release();
    await waitFor(() => heard.includes('second'));
    expect(await second.isFree()).toBe(true);
  });

  it('starts a new epoch if given a position of the present epoch beyond the end of the log', async () => {
    const one = candidate('one');
    const before = await (await led(one)).head();
    const same = await one.acquire({ epoch: 'another', seq: before.seq + 10 });
    if (same) sessions.push(same);
    expect((await same?.head())?.epoch).toBe(before.epoch);
    const next = await one.acquire({ epoch: before.epoch, seq: before.seq + 10 });
    if (next) sessions.push(next);
    expect((await next?.head())?.epoch).not.toBe(before.epoch);
  });
});
