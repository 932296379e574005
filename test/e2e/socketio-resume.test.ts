import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import '../support/oracles/described-frames.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { RecordedWriter, seeded } from '../support/data/recorded-writer.js';
import { SocketIoClient } from '../support/clients/resuming-clients.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let apiKey: string;

beforeAll(async () => {
  app = await createTestApp({ settings: { LIMIT_CONNECTS_PER_ADDRESS: 'free=0,pro=0,enterprise=0' } });
  apiKey = await app.key({ tier: 'enterprise' });
});

afterAll(async () => {
  await app?.close();
});

const PREFIX = 'walk';
const KEYS = 40;
const RECONNECTS = 50;

/** Overlapping subscriptions: all events, some protocols, and one with a threshold. */
const BODIES = [
  { type: 'tvl_changes' },
  { type: 'protocol', protocols: [`${PREFIX}-1`, `${PREFIX}-2`] },
  { type: 'tvl_changes', threshold: 0.05 },
];

type Change = { previous: number | null; current: number | null };

/** Expects exactly the committed changes, in order for each key, with each cursor once and ascending. */
function expectExactly(client: SocketIoClient, expected: Map<string, Change[]>): void {
  const seen = new Map<string, Change[]>();
  for (const { key, previous, current } of client.events) {
    const changes = seen.get(key) ?? [];
    seen.set(key, changes);
    changes.push({ previous, current });
  }
  for (const key of seen.keys()) if (!expected.has(key)) expected.set(key, []);
  for (const [key, changes] of expected) expect({ key, changes: seen.get(key) ?? [] }).toEqual({ key, changes });
  const cursors = client.events.map(({ cursor }) => cursor);
  expect(cursors).toEqual([...new Set(cursors)].toSorted());
  expect(client.refusals).toEqual([]);
}

describe('a Socket.IO client with 50 reconnects under load', () => {
  it('receives every event exactly once, even if cut off during a replay', async () => {
    const random = seeded(20_261_121);
    const writer = new RecordedWriter(app.db.pool, PREFIX, KEYS, random);
    await writer.insertBaselines();
    const [live, late] = [0, 1].map(() => new SocketIoClient(app.url, apiKey, BODIES)) as [
      SocketIoClient,
      SocketIoClient,
    ];
    live.connect();
    await waitFor(() => live.position);
    late.position = live.position;
    writer.start(500);
    for (let drop = 1; drop <= RECONNECTS; drop++) {
      await waitFor(() => live.reconnects >= drop, { everyMs: 2 });
      await sleep(random() < 0.5 ? random() * 10 : random() * 150);
      live.drop();
    }
    await writer.stop();
    const expected = writer.expected();
    const total = [...expected.values()].reduce((sum, { length }) => sum + length, 0);
    await waitFor(() => live.events.length >= total, { timeoutMs: 20_000, what: `${total} events` });
    live.close();
    expectExactly(live, expected);

    // A client that missed everything: its replay takes many turns of the event loop and is interrupted repeatedly.
    late.connect();
    for (let drop = 1; drop <= 10; drop++) {
      await waitFor(() => late.reconnects >= drop, { everyMs: 2 });
      await sleep(random() * 20);
      late.drop();
    }
    await waitFor(() => late.events.length >= total, { timeoutMs: 20_000, what: `${total} events` });
    late.close();
    expectExactly(late, expected);
  }, 90_000);
});
