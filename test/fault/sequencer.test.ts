import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LogEvent } from '../../src/events/core/log-event.js';
import { createPod, settle, type Pod } from '../integration/capture/capture-fixture.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

interface Message {
  type: string;
  leaseEpoch?: number;
  rowCount?: number;
  code?: string;
}

let db: TestDatabase;
let pods: Pod[];
let children: ChildProcess[];

beforeEach(async () => {
  db = await createTestDatabase();
  pods = [];
  children = [];
});

afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  await Promise.all(pods.map((pod) => pod.close()));
  await db.drop();
});

function startPod(): Pod {
  const pod = createPod(db.url);
  pods.push(pod);
  pod.sequencer.start();
  return pod;
}

async function startLeader(): Promise<{ child: ChildProcess; messages: Message[] }> {
  const child = fork(join(import.meta.dirname, 'frozen-leader.ts'), [db.url, 'frozen'], { execArgv: [] });
  children.push(child);
  const messages: Message[] = [];
  child.on('message', (message) => messages.push(message as Message));
  await waitFor(() => messages.find(({ type }) => type === 'lease'), { what: 'the lease of the child' });
  return { child, messages };
}

const append = (count: number, size = 1): Promise<unknown> =>
  db.pool.query(
    `SELECT append_events(jsonb_agg(jsonb_build_object('type', 'governance', 'data', jsonb_build_object('text', repeat('x', $2::int)))))
     FROM generate_series(1, $1::int)`,
    [count, size],
  );

const dense = async (): Promise<number> => {
  const { rows } = await db.pool.query<{ n: number; last: number }>(
    `SELECT count(*)::int AS n, coalesce(max(seq), 0)::int AS last FROM event_log`,
  );
  expect(rows[0]?.n).toBe(rows[0]?.last);
  return rows[0]?.n ?? 0;
};

describe('invariant 5: a former sequencer leader', () => {
  it.each([
    ['between two steps', { step: true, limit: 10 }, false],
    ['while a large result is unread', { step: true, limit: 2_000 }, true],
    ['inside a transaction', { step: true, limit: 10, open: true }, false],
  ])('neither commits nor blocks its successor when frozen %s', async (_, command, large) => {
    const { child, messages } = await startLeader();
    await append(large ? 2_000 : 5, large ? 8_000 : 1);
    child.send(command);
    if (large)
      await waitFor(
        async () => (await db.pool.query(`SELECT FROM pg_locks WHERE relation = 'event_log'::regclass`)).rowCount,
      );
    else await waitFor(() => messages.find(({ type }) => type === 'stepped'));
    child.kill('SIGSTOP');
    const successor = startPod();
    await waitFor(() => successor.sequencer.leading, { what: 'the successor' });
    await append(7);
    await settle(successor);
    const before = await dense();
    expect(before).toBeGreaterThanOrEqual(large ? 2_007 : 12);

    child.kill('SIGCONT');
    await append(3);
    child.send({ step: true, limit: 100 });
    await waitFor(() => messages.find(({ type }) => type === 'failed'), { what: 'the refusal of the deposed leader' });
    await waitFor(() => messages.find(({ type }) => type === 'worker'), { what: 'the end of its lease thread' });
    await settle(successor);
    const { rows } = await db.pool.query(`SELECT count(*)::int AS n FROM event_log WHERE type = 'governance'`);
    expect(rows).toEqual([{ n: large ? 2_010 : 15 }]);
    expect(await dense()).toBeGreaterThanOrEqual(before + 3);
  });

  it('is refused its next step with RT001, even if its session is still open', async () => {
    const { child, messages } = await startLeader();
    await db.pool.query(`UPDATE log_head SET owner = 'another', lease_epoch = lease_epoch + 1`);
    await append(1);
    child.send({ step: true, limit: 10 });
    const refusal = await waitFor(() => messages.find(({ type }) => type === 'failed'));
    expect(refusal.code).toBe('RT001');
  });

  it('leaves no gap and no repetition in the log after a kill', async () => {
    const { child } = await startLeader();
    child.send({ step: true, limit: 10 });
    const successor = startPod();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await append(20);
    await waitFor(() => successor.sequencer.leading);
    await settle(successor);
    expect(await dense()).toBeGreaterThanOrEqual(20);
  });
});

describe('the sequencer', () => {
  it('runs in one of two processes at a time, and loses no event when its leader stops', async () => {
    const [first, second] = [startPod(), startPod()];
    const seen: LogEvent[] = [];
    await second.feed.start();
    second.feed.subscribe((batch) => seen.push(...batch));
    await waitFor(() => first.sequencer.leading || second.sequencer.leading);
    expect(first.sequencer.leading && second.sequencer.leading).toBe(false);
    for (let round = 0; round < 3; round++) {
      await append(10);
      const leader = first.sequencer.leading ? first : second;
      if (round === 1 && leader === first) await first.sequencer.stop();
    }
    await settle(second);
    expect(seen.map((event) => event.seq)).toEqual(seen.map((_, index) => (seen[0]?.seq ?? 0) + index));
    expect(seen.filter((event) => event.type === 'governance')).toHaveLength(30);
    expect(await dense()).toBeGreaterThanOrEqual(30);
  });

  it('continues without a gap after its database session was terminated', async () => {
    const pod = startPod();
    await waitFor(() => pod.sequencer.leading);
    const { rows } = await db.pool.query<{ pid: number }>('SELECT leader_pid AS pid FROM log_head');
    await append(5);
    await db.pool.query('SELECT pg_terminate_backend($1)', [rows[0]?.pid]);
    await append(5);
    await settle(pod);
    await waitFor(async () => (await db.pool.query(`SELECT FROM event_log WHERE type = 'governance'`)).rowCount === 10);
    expect(await dense()).toBeGreaterThanOrEqual(10);
  });
});
