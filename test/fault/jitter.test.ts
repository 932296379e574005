import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import '../support/oracles/described-frames.js';
import { Fleet } from '../support/clients/fleet.js';
import { startJitter } from '../support/faults/jitter.js';
import { POD_KEY, startPods, type TestPods } from '../support/servers/pods.js';
import { RecordedWriter, seeded } from '../support/data/recorded-writer.js';
import { createTestDatabase } from '../support/servers/test-database.js';

const CLIENTS = 30;
const JITTER = { disconnectedMs: 1_000, everyMs: 4_000 };
const seed = Number(process.env['TEST_SEED'] ?? Date.now() % 1_000_000);

let pods: TestPods;

beforeAll(async () => {
  pods = await startPods(await createTestDatabase());
});

afterAll(async () => {
  await pods?.stop();
});

test(`${CLIENTS} clients of three transports, disconnected for 1 s in every 4 s, receive every event once and in order (seed ${seed})`, async () => {
  const writer = new RecordedWriter(pods.db.pool, 'jitter', 50, seeded(seed));
  await writer.insertBaselines();
  const slugs = [...writer.committed.keys()].map((key) => key.split(':')[0] ?? '');
  const fleet = new Fleet(pods.url, POD_KEY, slugs, CLIENTS);
  let settle = (): void => undefined;
  try {
    await fleet.connect();
    writer.start(100);
    settle = startJitter(fleet.clients, JITTER);
    await sleep(2.5 * JITTER.everyMs);
    settle();
    await writer.stop();
    expect(await fleet.complete(writer)).toBeGreaterThan(1_000);
    expect(fleet.outcome(writer)).toEqual({ missing: 0, repeated: 0, faults: [] });
    expect(fleet.clients.every(({ reconnects }) => reconnects > 1)).toBe(true);
  } finally {
    settle();
    await writer.stop();
    fleet.close();
  }
});
