import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrateDatabase } from '../../src/platform/database/migrate-database.js';
import '../support/oracles/described-frames.js';
import { cacheDifferences } from '../support/oracles/cache-differences.js';
import { Fleet } from '../support/clients/fleet.js';
import { longestStall, newestSeq, POD_FAULTS } from '../support/faults/pod-faults.js';
import { POD_KEY, startPods, type TestPods } from '../support/servers/pods.js';
import { RecordedWriter, seeded } from '../support/data/recorded-writer.js';
import { openTestPool } from '../support/servers/test-pool.js';
import { startTestCluster, type TestCluster } from '../support/servers/test-cluster.js';
import { waitFor } from '../support/wait-for.js';

const LONG = process.env['TEST_LONG'] !== undefined;
const CLIENTS = LONG ? 600 : 60;
const RATE = LONG ? 500 : 200;
/** Duration of random faults, ms, after each fault was tested alone. */
const RANDOM_MS = LONG ? 180_000 : 0;
const KEYS = 100;
const LARGE = 300;
const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);

/** A separate cluster, because one of the faults stops the database. */
let cluster: TestCluster;
let pods: TestPods;

beforeAll(async () => {
  cluster = await startTestCluster();
  const url = cluster.address('postgres');
  await migrateDatabase(url);
  const pool = openTestPool(url);
  pods = await startPods({ url, pool, drop: () => pool.end() }, { DRAIN_SECONDS: '2' });
});

afterAll(async () => {
  await pods?.stop();
  await cluster?.stop();
});

test(
  `invariants 1 to 5: ${CLIENTS} clients lose and repeat no event after any pod fault, and the cache recovers (seed ${seed})`,
  async () => {
    const random = seeded(seed);
    const writer = new RecordedWriter(pods.db.pool, 'pods', KEYS, random);
    await writer.insertBaselines();
    const slugs = [...writer.committed.keys()].map((key) => key.split(':')[0] ?? '');
    const fleet = new Fleet(pods.url, POD_KEY, slugs, CLIENTS);
    try {
      await fleet.connect();
      const faults = Object.entries(POD_FAULTS);
      for (const fault of faults) await endure(fault, fleet, writer);
      const until = Date.now() + RANDOM_MS;
      while (Date.now() < until) {
        const fault = faults[Math.floor(random() * faults.length)];
        if (fault) await endure(fault, fleet, writer);
      }
      expect(fleet.outcome(writer)).toEqual({ missing: 0, repeated: 0, faults: [] });
    } finally {
      await writer.stop();
      fleet.close();
    }
  },
  RANDOM_MS + 420_000,
);

test(`${LARGE} large events of one transaction hold the event loop of no process`, async () => {
  const followers = await Promise.all(pods.pods.map(({ url }) => followUpdates(url)));
  try {
    await longestTurns();
    await pods.db.pool.query(LARGE_EVENTS, [LARGE]);
    await waitFor(() => followers.every(({ updates }) => updates === LARGE), { timeoutMs: 60_000 });
    const turns = await longestTurns();
    console.log(`  longest turns with ${LARGE} large events: ${turns.join(', ')} ms`);
    expect(Math.max(...turns)).toBeLessThan(100);
  } finally {
    for (const { socket } of followers) socket.close();
  }
});

/** Updates of protocols with the longest metadata, before and after. */
const LARGE_EVENTS = `
INSERT INTO change_outbox (type, protocol, data)
SELECT 'protocol_update', 'large-' || n, jsonb_build_object('updateType', 'metadata', 'changes', jsonb_build_array(
  jsonb_build_object('field', 'metadata', 'previousValue', metadata, 'currentValue', metadata)))
FROM (SELECT jsonb_object_agg('field' || n, md5(n::text)) AS metadata FROM generate_series(1, 690) n) one, generate_series(1, $1) n`;

/** Counts the updates of protocols that a client receives. */
async function followUpdates(url: string): Promise<{ socket: WebSocket; updates: number }> {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/ws?apiKey=${POD_KEY}`);
  const follower = { socket, updates: 0 };
  let isReady = false;
  socket.onopen = () => socket.send(JSON.stringify({ type: 'subscribe', channels: ['events:protocols'] }));
  socket.onmessage = ({ data }) => {
    const beginning = String(data).slice(0, 100);
    isReady ||= beginning.includes('subscription_confirmed');
    if (beginning.includes('protocol_update')) follower.updates++;
  };
  await waitFor(() => isReady);
  return follower;
}

/** Returns the longest turn of each process since the last call, ms. */
function longestTurns(): Promise<number[]> {
  return Promise.all(
    pods.pods.map(async ({ url }) => {
      const answer = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${POD_KEY}` } });
      const found = /event_loop_longest_turn_seconds\{window="scrape"\} ([\d.e-]+)/.exec(await answer.text());
      return Math.round(Number(found?.[1]) * 1_000);
    }),
  );
}

/**
 * Applies one fault during writes; then all clients have all events, and the cache has the values that the rows last
 * published.
 */
async function endure(
  [name, fault]: [string, (pods: TestPods) => Promise<void>],
  fleet: Fleet,
  writer: RecordedWriter,
): Promise<void> {
  const { pool } = pods.db;
  const before = await newestSeq(pool);
  writer.start(RATE);
  const begun = performance.now();
  await fault(pods);
  await fleet.reach((await newestSeq(pool)) + 1);
  const followed = Math.round(performance.now() - begun);
  await writer.stop();
  const stopped = performance.now();
  await waitFor(async () => (await pool.query('SELECT FROM change_outbox')).rowCount === 0, { timeoutMs: 60_000 });
  let wrong: string[] = [];
  await waitFor(async () => (wrong = await cacheDifferences(pods.redis, pool)).length === 0, {
    timeoutMs: 20_000,
    everyMs: 100,
  }).catch(() => undefined);
  expect(wrong, `keys of the cache that differ after ${name}`).toEqual([]);
  const cached = Math.round(performance.now() - stopped);
  const stall = await longestStall(pool, before);
  console.log(
    `  ${name}: all follow after ${followed} ms, log stood still for ${stall} ms, cache right after ${cached} ms`,
  );
}
