import { afterAll, beforeAll, beforeEach, afterEach, expect, test } from 'vitest';
import { migrateDatabase } from '../../src/platform/database/migrate-database.js';
import '../support/oracles/described-frames.js';
import { cacheDifferences } from '../support/oracles/cache-differences.js';
import { Fleet } from '../support/clients/fleet.js';
import { PlainClient } from '../support/clients/plain-client.js';
import { newestSeq } from '../support/faults/pod-faults.js';
import { POD_KEY, startPods, type TestPods } from '../support/servers/pods.js';
import { RecordedWriter, seeded } from '../support/data/recorded-writer.js';
import { openTestPool } from '../support/servers/test-pool.js';
import { startTestCluster, type TestCluster } from '../support/servers/test-cluster.js';
import { waitFor } from '../support/wait-for.js';

const CLIENTS = 30;
const KEYS = 20;

/** A separate cluster, because it is stopped and restored. */
let cluster: TestCluster;
let pods: TestPods;
let writer: RecordedWriter;
let fleet: Fleet;
/** Number of tests so far: each uses its own protocols. */
let round = 0;

beforeAll(async () => {
  cluster = await startTestCluster();
  const url = cluster.address('postgres');
  await migrateDatabase(url);
  const pool = openTestPool(url);
  pods = await startPods({ url, pool, drop: () => pool.end() });
});

afterAll(async () => {
  await pods?.stop();
  await cluster?.stop();
});

beforeEach(async () => {
  round += 1;
  writer = new RecordedWriter(pods.db.pool, `unavailable-${round}`, KEYS, seeded(3));
  await writer.insertBaselines();
  const slugs = Array.from({ length: KEYS }, (_, n) => `unavailable-${round}-${n}`);
  fleet = new Fleet(pods.url, POD_KEY, slugs, CLIENTS);
  await fleet.connect();
});

afterEach(async () => {
  await writer.stop();
  fleet.close();
});

async function writeSome(changes: number): Promise<void> {
  const before = writer.changes;
  writer.start(200);
  await waitFor(() => writer.changes >= before + changes);
  await writer.stop();
}

async function everyoneHasAll(): Promise<void> {
  const { pool } = pods.db;
  await waitFor(async () => (await pool.query('SELECT FROM change_outbox')).rowCount === 0, {
    what: 'an empty outbox',
  });
  const total = [...writer.expected().values()].reduce((sum, changes) => sum + changes.length, 0);
  expect(total).toBeGreaterThan(20);
  let outcome = fleet.outcome(writer);
  await waitFor(() => (outcome = fleet.outcome(writer)).missing === 0).catch(() => undefined);
  expect(outcome).toMatchObject({ missing: 0, repeated: 0 });
  expect(fleet.clients.flatMap(({ refusals }) => refusals)).toEqual([]);
}

const ingest = (): Promise<Response> =>
  fetch(`${pods.url}/v1/ingest/tvl`, {
    method: 'POST',
    headers: { authorization: `Bearer ${POD_KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ items: [{ protocol: 'ingested', chain: 'ethereum', tvl: 1 }] }),
  });

const health = async (): Promise<string> => (await fetch(`${pods.pods[0].url}/health/ready`)).text();

/** Returns, as one text, the answer to a client that resumes with a cursor. */
async function answerTo(url: string, cursor: string | undefined): Promise<string> {
  const client = await PlainClient.connect(url, POD_KEY);
  try {
    client.send({ type: 'subscribe', channels: ['events:tvl'], since: cursor });
    await waitFor(() => client.messages.some((message) => 'recovered' in message));
    return JSON.stringify(client.messages);
  } finally {
    await client.close();
  }
}

test('without the database, sockets stay open and report stale data, ingest returns 503, and no change is lost', async () => {
  await writeSome(50);
  const connections = fleet.clients.map(({ reconnects }) => reconnects);
  await cluster.end();
  await waitFor(() => fleet.clients.every(({ staleBeats }) => staleBeats > 0), { timeoutMs: 60_000, what: 'stale' });
  const refused = await ingest();
  expect(refused.status).toBe(503);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({ code: 'unavailable' });

  await cluster.begin();
  await waitFor(async () => (await ingest()).ok, { timeoutMs: 60_000, everyMs: 200 });
  await writeSome(50);
  await everyoneHasAll();
  expect(fleet.clients.map(({ reconnects }) => reconnects)).toEqual(connections);
});

test('without Redis, events still arrive from the log and health reports `degraded`; after its return the cache is refilled', async () => {
  await writeSome(30);
  await pods.redis.kill();
  await writeSome(50);
  await everyoneHasAll();
  await waitFor(async () => (await health()).includes('degraded'));
  expect((await ingest()).status).toBeLessThan(300);

  await pods.redis.start();
  await waitFor(async () => !(await health()).includes('degraded'));
  await writeSome(30);
  await everyoneHasAll();
  await waitFor(async () => (await cacheDifferences(pods.redis, pods.db.pool)).length === 0, {
    what: 'a filled cache',
  });
});

test.each([
  ['while the processes run', { newTimeline: false, restarted: false }],
  ['on a new timeline while the processes run', { newTimeline: true, restarted: false }],
  ['after all processes were killed', { newTimeline: false, restarted: true }],
])(
  'restoring an older copy of the database %s starts a new epoch, refuses old cursors and corrects the cache',
  async (_, how) => {
    const { pool } = pods.db;
    const copied = await newestSeq(pool);
    await cluster.end();
    cluster.copyFiles();
    await cluster.begin();
    await waitFor(() => pool.query('SELECT 1'));
    await waitFor(async () => (await ingest()).ok, { timeoutMs: 60_000, everyMs: 200 });
    await writeSome(200);
    const token = `not-in-copy-${round}`;
    await pool.query('INSERT INTO token_prices (token, price) VALUES ($1, 1)', [token]);
    await waitFor(async () => (await pods.redis.call('EXISTS', `price:${token}`)) === 1);
    const [cursor] = fleet.clients.map(({ position }) => position ?? '').toSorted((a, b) => (a < b ? 1 : -1));
    const epoch = cursor?.split('-')[0];
    fleet.close();

    if (how.restarted) for (const pod of pods.pods) await pod.end('SIGKILL');
    await cluster.end();
    cluster.restoreFiles(how);
    await cluster.begin();
    if (how.restarted) for (const pod of pods.pods) await pod.start();

    const current = (): Promise<{ epoch: string } | undefined> =>
      pool.query<{ epoch: string }>('SELECT epoch FROM log_head').then(({ rows }) => rows[0]);
    await waitFor(async () => (await current())?.epoch !== epoch, { timeoutMs: 60_000, what: 'a new epoch' });
    // Numbers of the lost changes are assigned again to other changes; only the epoch distinguishes them.
    await pool.query(`UPDATE protocol_tvl SET tvl = tvl * 2`);
    await waitFor(async () => (await newestSeq(pool)) > copied);

    for (const { url } of pods.pods) {
      await waitFor(async () => (await answerTo(url, cursor)).includes('"reason":"epoch"'), {
        everyMs: 200,
        what: 'the refusal of the old cursor',
      });
    }
    let wrong: string[] = [];
    await waitFor(async () => (wrong = await cacheDifferences(pods.redis, pool)).length === 0, { everyMs: 100 }).catch(
      () => undefined,
    );
    expect(wrong).toEqual([]);
  },
);
