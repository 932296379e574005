import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrateDatabase } from '../../src/platform/database/migrate-database.js';
import { POD_KEY, startPods, type TestPods } from '../support/pods.js';
import { RecordedWriter, seeded } from '../support/recorded-writer.js';
import { SocketIoClient, SseClient, WebSocketClient, type ResumingClient } from '../support/resuming-clients.js';
import { openTestPool } from '../support/test-database.js';
import { startTestCluster, type TestCluster } from '../support/test-cluster.js';
import { waitFor } from '../support/wait-for.js';

const CLIENTS = process.env['TEST_LONG'] ? 600 : 60;
const RATE = process.env['TEST_LONG'] ? 500 : 200;
const ROUNDS = process.env['TEST_LONG'] ? 6 : 1;
const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);

/** A cluster of its own: one of the faults takes the database away. */
let cluster: TestCluster;
let pods: TestPods;

beforeAll(async () => {
  cluster = await startTestCluster();
  const url = cluster.address('postgres');
  await migrateDatabase(url);
  const pool = openTestPool(url);
  pods = await startPods({ DRAIN_SECONDS: '2' }, { url, pool, drop: () => pool.end() });
});

afterAll(async () => {
  await pods?.stop();
  await cluster?.stop();
});

type Pod = TestPods['pods'][number];

async function leader(): Promise<Pod> {
  return waitFor(async () => {
    const { rows } = await pods.db.pool.query<{ owner: string | null }>('SELECT owner FROM log_head');
    return pods.pods.find((pod) => rows[0]?.owner?.includes(`:${pod.pid}:`));
  });
}

async function killed(pod: Pod): Promise<void> {
  await pod.end('SIGKILL');
  await pod.start();
}

const FAULTS: Record<string, () => Promise<void>> = {
  'kill -9 of a process that does not lead': async () => {
    const leading = await leader();
    const other = pods.pods.find((pod) => pod !== leading);
    if (other) await killed(other);
  },
  'kill -9 of the leader': async () => killed(await leader()),
  'a leader frozen for 3 s': async () => {
    const { pid } = await leader();
    process.kill(pid, 'SIGSTOP');
    await sleep(3_000);
    process.kill(pid, 'SIGCONT');
  },
  'an empty Redis after a restart': () => pods.redis.restart({ empty: true }),
  'Redis cutting its subscribers': async () => {
    await pods.redis.call('CLIENT', 'KILL', 'TYPE', 'pubsub');
  },
  'a database that ends all sessions at once and recovers': async () => {
    const { rows } = await pods.db.pool.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
    process.kill(rows[0]?.pid ?? 0, 'SIGKILL');
    await waitFor(() => pods.db.pool.query('SELECT 1'), { timeoutMs: 20_000 });
  },
  'SIGTERM to all processes, one after the other': async () => {
    for (const pod of pods.pods) {
      await pod.end('SIGTERM');
      await pod.start();
    }
  },
};

function clientsOf(count: number): ResumingClient[] {
  return Array.from({ length: count }, (_, n) => {
    if (n % 3 === 0) return new SocketIoClient(pods.url, POD_KEY, [{ type: 'tvl_changes' }]);
    if (n % 3 === 1) return new WebSocketClient(pods.url, POD_KEY, { channels: ['events:tvl'] });
    return new SseClient(pods.url, POD_KEY, 'channels=events:tvl');
  });
}

test(`invariants 1 to 5: ${CLIENTS} clients behind the balancer lose and repeat nothing, whatever fails (seed ${seed})`, async () => {
  const random = seeded(seed);
  const writer = new RecordedWriter(pods.db.pool, 'pods', 100, random);
  await writer.insertBaselines();
  const clients = clientsOf(CLIENTS);
  for (const client of clients) client.connect();
  await waitFor(() => clients.every((client) => client.position !== undefined), { timeoutMs: 20_000 });

  writer.start(RATE);
  for (let round = 0; round < ROUNDS; round += 1) {
    const faults = Object.entries(FAULTS);
    if (round > 0) faults.sort(() => random() - 0.5);
    for (const [name, fault] of faults) {
      const begun = performance.now();
      await fault();
      await everyoneFollows(clients);
      console.log(`  ${name}: all clients follow again after ${Math.round(performance.now() - begun)} ms`);
    }
  }
  await writer.stop();

  const expected = writer.expected();
  const total = [...expected.values()].reduce((sum, list) => sum + list.length, 0);
  await waitFor(() => clients.every((client) => client.events.length >= total), { timeoutMs: 30_000 }).catch(() => {});
  for (const client of clients) {
    const events = new Map([...expected.keys()].map((key) => [key, [] as object[]]));
    for (const event of client.events)
      events.get(event.key)?.push({ previous: event.previous, current: event.current });
    expect({ refusals: client.refusals, events: Object.fromEntries(events) }).toEqual({
      refusals: [],
      events: Object.fromEntries(expected),
    });
  }
  for (const client of clients) client.close();
});

/** Everyone has an event that was committed after now. */
async function everyoneFollows(clients: readonly ResumingClient[]): Promise<void> {
  const { rows } = await waitFor(() => pods.db.pool.query<{ seq: number }>('SELECT newest_seq()::float8 AS seq'));
  const seen = (client: ResumingClient): number => Number.parseInt(client.position?.split('-')[1] ?? '0', 36);
  const target = rows[0]?.seq ?? 0;
  await waitFor(() => clients.every((client) => seen(client) > target), { timeoutMs: 30_000, what: 'everyone' });
}
