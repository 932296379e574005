import { io } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import '../support/oracles/described-frames.js';
import { POD_KEY, startPods, type TestPods } from '../support/servers/pods.js';
import { RecordedWriter, seeded } from '../support/data/recorded-writer.js';
import type { ResumingClient } from '../support/clients/resuming-client.js';
import { SocketIoClient, SseClient, WebSocketClient } from '../support/clients/resuming-clients.js';
import { createTestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

const DRAIN_SECONDS = 5;
const CLIENTS = 90;

let pods: TestPods;
/** Resources that must be closed after a test, even if it failed. */
const endings: (() => unknown)[] = [];

beforeAll(async () => {
  pods = await startPods(await createTestDatabase(), { DRAIN_SECONDS: String(DRAIN_SECONDS) });
});

afterAll(async () => {
  await pods?.stop();
});

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
});

function clientsOf(count: number): ResumingClient[] {
  return Array.from({ length: count }, (_, n) => {
    if (n % 3 === 0) return new SocketIoClient(pods.url, POD_KEY, [{ type: 'tvl_changes' }]);
    if (n % 3 === 1) return new WebSocketClient(pods.url, POD_KEY, { channels: ['events:tvl'] });
    return new SseClient(pods.url, POD_KEY, 'channels=events:tvl');
  });
}

test(`during a rolling restart of three pods behind the balancer, ${CLIENTS} clients lose and repeat no event, and none is refused`, async () => {
  const writer = new RecordedWriter(pods.db.pool, 'roll', 50, seeded(11));
  await writer.insertBaselines();
  const clients = clientsOf(CLIENTS);
  endings.push(() => clients.forEach((client) => client.close()));
  for (const client of clients) client.connect();
  const refused: string[] = [];
  const snippet = io(`${pods.url}/v1/realtime`, { auth: { apiKey: POD_KEY }, forceNew: true });
  endings.push(() => snippet.disconnect());
  snippet.on('connect_error', ({ message }) => refused.push(message));
  await waitFor(() => snippet.connected && clients.every((client) => client.position !== undefined), {
    timeoutMs: 20_000,
  });

  endings.push(() => writer.stop());
  writer.start(100);
  for (const pod of pods.pods) {
    // 0 only if the process ended in time: it exits with 1 some seconds after the window.
    expect(await pod.end('SIGTERM')).toBe(0);
    await pod.start();
  }
  await writer.stop();

  const expected = writer.expected();
  const total = [...expected.values()].reduce((sum, list) => sum + list.length, 0);
  expect(total).toBeGreaterThan(100);
  await waitFor(() => clients.every((client) => client.events.length >= total), { timeoutMs: 30_000 }).catch(() => {});
  for (const client of clients) {
    const got = new Map([...expected.keys()].map((key) => [key, [] as object[]]));
    for (const event of client.events) got.get(event.key)?.push({ previous: event.previous, current: event.current });
    expect({ refusals: client.refusals, events: Object.fromEntries(got) }).toEqual({
      refusals: [],
      events: Object.fromEntries(expected),
    });
  }
  // All clients were disconnected, and the library in the documented snippet reconnected by itself.
  expect(clients.every((client) => client.farewells.length > 0)).toBe(true);
  await waitFor(() => snippet.connected);
  expect(refused).toEqual([]);
});
