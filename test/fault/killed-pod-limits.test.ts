import { afterAll, beforeAll, expect, test } from 'vitest';
import { serverPort } from '../support/servers/server-port.js';
import '../support/oracles/described-frames.js';
import { AppProcess } from '../support/servers/app-process.js';
import { PlainClient } from '../support/clients/plain-client.js';
import { startRedis, type TestRedis } from '../support/servers/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';

const ADMIN_KEY = `rta_killedadmin_${'k'.repeat(43)}`;
/** Number of connections that a key of tier free may have. */
const FULL = 5;

let db: TestDatabase;
let redis: TestRedis;
const pods: AppProcess[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
  redis = await startRedis();
  for (const id of ['doomed', 'surviving']) {
    const pod = new AppProcess(await serverPort(), {
      DATABASE_URL: db.url,
      REDIS_URL: redis.url,
      POD_ID: id,
      BOOTSTRAP_ADMIN_KEY: ADMIN_KEY,
      SECRETS_KEY: 'fault-test-secrets-key-of-32-bytes',
      MIGRATE_ON_START: 'false',
      LIMIT_CONNECTS_PER_ADDRESS: 'free=0,pro=0,enterprise=0',
      LIMIT_CONNECTIONS: `free=${FULL},pro=0,enterprise=0`,
    });
    pods.push(pod);
    await pod.start();
  }
});

afterAll(async () => {
  for (const pod of pods) await pod.end('SIGKILL');
  await redis?.close();
  await db?.drop();
});

async function freeKey(pod: AppProcess): Promise<string> {
  const answer = await fetch(`${pod.url}/v1/admin/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'full', role: 'reader', tier: 'free' }),
  });
  expect(answer.status).toBe(201);
  return ((await answer.json()) as { key: string }).key;
}

test('after a kill of its process, a key at its connection limit resumes all connections on another process at once', async () => {
  const [doomed, surviving] = pods as [AppProcess, AppProcess];
  const key = await freeKey(doomed);
  const cursors: unknown[] = [];
  const clients: PlainClient[] = [];
  for (let n = 0; n < FULL; n++) {
    const client = new PlainClient(`${doomed.url}/ws?apiKey=${key}`);
    clients.push(client);
    cursors.push((await client.next('connected'))['cursor']);
  }
  const oneMore = new PlainClient(`${doomed.url}/ws?apiKey=${key}`);
  expect((await oneMore.closed).code).toBe(4429);

  await doomed.end('SIGKILL');
  await Promise.all(clients.map(({ closed }) => closed));
  const back = cursors.map((cursor) => new PlainClient(`${surviving.url}/ws?apiKey=${key}&since=${String(cursor)}`));
  // A refusal would end the connection, because none of the clients tries a second time.
  for (const client of back) await client.next('connected');
  for (const client of back) client.socket.terminate();
  for (const client of [...clients, ...back]) expect(client.faults).toEqual([]);
});
