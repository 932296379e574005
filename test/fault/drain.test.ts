import { connect, createServer, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { MarketWriter } from '../support/data/market-writer.js';
import { serverPort } from '../support/servers/server-port.js';
import '../support/oracles/described-frames.js';
import { AppProcess } from '../support/servers/app-process.js';
import { RecordedWriter, seeded } from '../support/data/recorded-writer.js';
import type { ResumingClient } from '../support/clients/resuming-client.js';
import { SocketIoClient, SseClient, WebSocketClient } from '../support/clients/resuming-clients.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { createTestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';
import { Drain } from '../../src/realtime/index.js';

const KEY = `rta_drainadmin_${'k'.repeat(43)}`;
const DRAIN_SECONDS = 6;
/** Window longer than any slow machine needs: a process that ends within it did not wait for its end. */
const LONG_DRAIN_SECONDS = 60;
const CLIENTS = 200;

let db: TestDatabase;
let app: AppProcess;
/** Resources that must be closed after a test, even if it failed. */
const endings: (() => unknown)[] = [];

beforeAll(async () => {
  db = await createTestDatabase();
});

afterAll(async () => {
  await db?.drop();
});

afterEach(async () => {
  for (const end of endings.splice(0)) await end();
  await app?.end('SIGKILL');
});

async function startApp(drainSeconds: number): Promise<void> {
  app = new AppProcess(await serverPort(), {
    DATABASE_URL: db.url,
    BOOTSTRAP_ADMIN_KEY: KEY,
    SECRETS_KEY: 'fault-test-secrets-key-of-32-bytes',
    MIGRATE_ON_START: 'false',
    DRAIN_SECONDS: String(drainSeconds),
    LIMIT_CONNECTS_PER_ADDRESS: 'free=0,pro=0,enterprise=0',
  });
  await app.start();
}

function clientsOf(count: number): ResumingClient[] {
  return Array.from({ length: count }, (_, n) => {
    if (n % 3 === 0) return new SocketIoClient(app.url, KEY, [{ type: 'tvl_changes' }]);
    if (n % 3 === 1) return new WebSocketClient(app.url, KEY, { channels: ['events:tvl'] });
    return new SseClient(app.url, KEY, 'channels=events:tvl');
  });
}

/**
 * Stops the process as a deployment does. Returns the result of `meanwhile` and the exit code: 0 only if the process
 * ended within the window and the grace time after it; later it exits with 1.
 */
async function stop<T>(meanwhile: () => Promise<T>): Promise<{ code: number | null; seen: T }> {
  const ended = app.end('SIGTERM');
  const seen = await meanwhile();
  return { code: await ended, seen };
}

const ready = async (): Promise<number> => (await fetch(`${app.url}/health/ready`)).status;

async function newKey(): Promise<string> {
  const answer = await fetch(`${app.url}/v1/admin/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${KEY}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'newcomer', role: 'reader', tier: 'enterprise' }),
  });
  return ((await answer.json()) as { key: string }).key;
}

test(`${CLIENTS} clients of three transports lose and repeat no event over two graceful restarts`, async () => {
  await startApp(DRAIN_SECONDS);
  const writer = new RecordedWriter(db.pool, 'drain', 50, seeded(7));
  await writer.insertBaselines();
  const clients = clientsOf(CLIENTS);
  endings.push(() => clients.forEach((client) => client.close()));
  for (const client of clients) client.connect();
  const snippet = io(`${app.url}/v1/realtime`, { auth: { apiKey: KEY }, forceNew: true });
  endings.push(() => snippet.disconnect());
  let snippetConnections = 0;
  snippet.on('connect', () => (snippetConnections += 1));
  await waitFor(() => snippet.connected && clients.every((client) => client.position !== undefined), {
    timeoutMs: 20_000,
  });

  endings.push(() => writer.stop());
  writer.start(100);
  for (let restart = 1; restart <= 2; restart += 1) {
    const { code } = await stop(() => waitFor(async () => (await ready()) === 503));
    expect(code).toBe(0);
    await app.start();
    await waitFor(() => snippet.connected && clients.every((client) => client.reconnects > restart), {
      timeoutMs: 20_000,
    });
  }
  await writer.stop();

  // The library in the documented snippet reconnected without any code.
  expect(snippetConnections).toBe(3);
  const expected = writer.expected();
  const total = [...expected.values()].reduce((sum, list) => sum + list.length, 0);
  expect(total).toBeGreaterThan(100);
  await waitFor(() => clients.every((client) => client.events.length >= total), { timeoutMs: 20_000 }).catch(() => {});
  for (const client of clients) {
    const got = new Map([...expected.keys()].map((key) => [key, [] as object[]]));
    for (const event of client.events) got.get(event.key)?.push({ previous: event.previous, current: event.current });
    expect({ refusals: client.refusals, events: Object.fromEntries(got) }).toEqual({
      refusals: [],
      events: Object.fromEntries(expected),
    });
    // Clients are notified at once when to reconnect, and again when the connection ends.
    expect(client.farewells.length).toBeGreaterThanOrEqual(2);
  }
  const spread = clients.map((client) => client.farewells[0] ?? 0);
  expect(Math.max(...spread) - Math.min(...spread)).toBeGreaterThan(DRAIN_SECONDS * 500);
  // The last quarter of the window is for closing handshakes and the stop of all other services.
  expect(Math.max(...spread)).toBeLessThanOrEqual(DRAIN_SECONDS * 750);
});

test('a client that connects during a drain is refused with a temporary error, on every transport', async () => {
  await startApp(LONG_DRAIN_SECONDS);
  const newcomer = await newKey();
  const others = clientsOf(20);
  endings.push(() => others.forEach((client) => client.close()));
  for (const client of others) client.connect();
  await waitFor(() => others.every((client) => client.position !== undefined));

  const { code, seen } = await stop(async () => {
    await waitFor(async () => (await ready()) === 503);
    const socket = io(`${app.url}/v1/realtime`, { auth: { apiKey: newcomer }, forceNew: true });
    const refusal = new Promise<Error & { data?: object }>((resolve) => socket.once('connect_error', resolve));
    const handshake = await fetch(`${app.url}/socket.io/?EIO=4&transport=polling`);
    const plain = new WebSocket(`${app.url.replace('http', 'ws')}/ws?apiKey=${newcomer}`);
    const closed = new Promise<number>((resolve) => plain.once('close', resolve));
    const stream = await fetch(`${app.url}/v1/stream?channels=events:tvl&apiKey=${newcomer}`);
    const { data } = await refusal;
    const isComingBack = socket.active;
    const closeCode = await closed;
    socket.disconnect();
    // No client is left to disconnect, so the process need not use its window.
    for (const client of others) client.close();
    return {
      data,
      isComingBack,
      handshake: handshake.status,
      closeCode,
      status: stream.status,
      stream: await stream.text(),
    };
  });
  expect(seen).toEqual({
    data: undefined,
    isComingBack: true,
    handshake: 503,
    closeCode: 1001,
    status: 200,
    stream: expect.stringMatching(/^retry: \d{4}\n\nevent: error\ndata: \{"code":"server_draining",.*\}\n\n$/),
  });
  expect(code).toBe(0);
});

test('Socket.IO clients that connect slowly as a drain begins reconnect by themselves after the restart', async () => {
  await startApp(2);
  const wire = createServer((client) => {
    const upstream = connect(app.port, '127.0.0.1');
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      from.on('data', (chunk) => void setTimeout(() => to.write(chunk), 50));
      from.on('error', () => to.destroy());
      from.on('close', () => void setTimeout(() => to.destroy(), 60));
    }
  });
  await new Promise<void>((resolve) => wire.listen(0, '127.0.0.1', resolve));
  endings.push(() => wire.close());
  const url = `http://127.0.0.1:${(wire.address() as AddressInfo).port}/v1/realtime`;
  const sockets: Socket[] = [];
  const greeted = new Set<Socket>();
  endings.push(() => sockets.forEach((socket) => socket.disconnect()));
  let ended: Promise<unknown> | undefined;
  for (let n = 0; n < 20; n++) {
    const socket = io(url, { auth: { apiKey: KEY }, forceNew: true });
    sockets.push(socket);
    socket.on('connected', () => greeted.add(socket));
    if (n === 10) ended = app.end('SIGTERM');
    await sleep(40);
  }
  await ended;
  greeted.clear();
  expect(sockets.filter(({ active }) => !active)).toEqual([]);
  await app.start();
  await waitFor(() => greeted.size === 20, { timeoutMs: 30_000, what: 'everybody to be back' });
});

test('a Socket.IO client without resume code receives the events missed during a kill and a restart', async () => {
  await startApp(DRAIN_SECONDS);
  const socket = io(`${app.url}/v1/realtime`, { auth: { apiKey: KEY }, forceNew: true });
  endings.push(() => socket.disconnect());
  const seen: number[] = [];
  socket.on('tvl_change', ({ protocol, currentTvl }: { protocol: string; currentTvl: number }) => {
    if (protocol === 'two-lines') seen.push(currentTvl);
  });
  await socket.emitWithAck('subscribe', { type: 'tvl_changes' });
  const market = new MarketWriter(db.pool);
  const write = (tvl: number) => market.tvl('two-lines', 'ethereum', tvl);
  await market.protocol('two-lines', 'Two Lines');
  await write(100);
  await write(200);
  await waitFor(() => seen.length === 1);
  await app.end('SIGKILL');
  await write(300);
  await app.start();
  await write(400);
  await waitFor(() => seen.length === 3, { timeoutMs: 30_000 });
  expect(seen).toEqual([200, 300, 400]);
});

test('a process without connections stops without waiting for the drain window', async () => {
  await startApp(LONG_DRAIN_SECONDS);
  const begun = performance.now();
  expect(await app.end('SIGTERM')).toBe(0);
  expect(performance.now() - begun).toBeLessThan(LONG_DRAIN_SECONDS * 500);
});

test('a drain closes all WebSockets with 1001, authenticated sockets after two `server_draining` messages', async () => {
  const inside = await createTestApp({ settings: { DRAIN_SECONDS: '2' } });
  const address = `${inside.url.replace('http', 'ws')}/ws`;
  const closed = (socket: WebSocket): Promise<number> => new Promise((resolve) => socket.once('close', resolve));
  const [stranger, known] = [new WebSocket(address), new WebSocket(`${address}?apiKey=${inside.adminKey}`)];
  const messages: { type: string; cursor?: string }[] = [];
  known.on('message', (data) => messages.push(JSON.parse((data as Buffer).toString()) as { type: string }));
  try {
    await waitFor(() => messages.length > 0 && stranger.readyState === WebSocket.OPEN);
    const ends = [closed(stranger), closed(known)];
    const drain = inside.nest.get(Drain);
    await Promise.all([drain.run(), drain.run()]);
    expect(await Promise.all(ends)).toEqual([1001, 1001]);
    const notices = messages.filter(({ type }) => type !== 'heartbeat');
    expect(notices.map(({ type }) => type)).toEqual(['connected', 'server_draining', 'server_draining']);
    // Internal rows of the log may have advanced the cursor.
    const [first, , last] = notices.map(({ cursor = '' }) => cursor);
    expect([first, last].toSorted((a = '', b = '') => (a < b ? -1 : 1))).toEqual([first, last]);
    expect(last).not.toBe('');
  } finally {
    await inside.close();
  }
});
