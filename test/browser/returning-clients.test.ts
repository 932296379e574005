import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { EventSource } from 'eventsource';
import type { Browser, Page } from 'playwright-core';
import * as library from 'reconnecting-websocket';
import { io } from 'socket.io-client';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { migrateDatabase } from '../../src/platform/database/migrate-database.js';
import { AppProcess } from '../support/servers/app-process.js';
import { serverPort } from '../support/servers/server-port.js';
import { startTestCluster, type TestCluster } from '../support/servers/test-cluster.js';
import { openTestPool } from '../support/servers/test-pool.js';
import { quietFor, waitFor } from '../support/wait-for.js';
import { launchBrowser } from './browser-page.js';
import { CuttableProxy } from '../support/servers/cuttable-proxy.js';

const ADMIN = `rta_returnadmin_${'k'.repeat(43)}`;
/** The types of the package describe a different module format from the one that it has. */
const ReconnectingWebSocket = library.default as unknown as new (
  address: string,
  protocols: readonly string[],
  options: { WebSocket: typeof WebSocket },
) => WebSocket;
/** Time longer than the server caches a checked key, ms. */
const FORGOTTEN_MS = 2_500;
const POLYFILL = createRequire(import.meta.url).resolve('event-source-polyfill');

/** Client whose library reconnects by itself; `seen` are the cursors of the events that it received, in order. */
interface Client {
  readonly name: string;
  seen(): Promise<readonly string[]>;
  /** Returns how often the client was admitted. */
  arrivals(): Promise<number>;
  /** Whether the library has given up. */
  hasGivenUp(): Promise<boolean>;
  close(): Promise<void>;
}

interface Tab {
  seen: string[];
  ready: number;
  source: { readyState: number; close(): void };
}

let cluster: TestCluster;
let pool: ReturnType<typeof openTestPool>;
let app: AppProcess;
let wire: CuttableProxy;
let url: string;
let browser: Browser;
let key: string;
let clients: Client[];

beforeAll(async () => {
  [cluster, browser] = await Promise.all([startTestCluster(), launchBrowser()]);
  const address = cluster.address('postgres');
  await migrateDatabase(address);
  pool = openTestPool(address);
  app = new AppProcess(await serverPort(), {
    DATABASE_URL: address,
    BOOTSTRAP_ADMIN_KEY: ADMIN,
    SECRETS_KEY: 'returning-clients-secrets-key-32-bytes',
    MIGRATE_ON_START: 'false',
    DRAIN_SECONDS: '2',
    // Below the number of clients: all but the first are admitted because they are returning.
    LIMIT_CONNECTS_PER_ADDRESS: 'enterprise=1',
  });
  await app.start();
  wire = new CuttableProxy(app.port);
  url = await wire.listen();
  key = await newKey();
  await pool.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ('returning', 'ethereum', 1000)`);
  const stream = `${url}/v1/stream?channels=events:tvl&apiKey=${key}`;
  clients = [
    await inTab('EventSource of a browser', 'new EventSource(address)', stream),
    await inTab('event-source-polyfill', 'new EventSourcePolyfill(address)', stream),
    inNode(stream),
    reconnecting(`${url.replace('http', 'ws')}/ws?apiKey=${key}`),
    socketIo(),
    inPython(),
  ];
  await everybodyIsBack([]);
});

afterAll(async () => {
  for (const client of clients ?? []) await client.close();
  await browser?.close();
  await wire?.close();
  await app?.end('SIGKILL');
  await pool?.end();
  await cluster?.stop();
});

async function newKey(): Promise<string> {
  const answer = await fetch(`${app.url}/v1/admin/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ADMIN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'returning', role: 'reader', tier: 'enterprise' }),
  });
  return ((await answer.json()) as { key: string }).key;
}

/** Runs a client in a page of the service, through the proxy that the test cuts. */
async function inTab(name: string, source: string, stream: string): Promise<Client> {
  const page: Page = await browser.newPage();
  await page.goto(`${url}/health/live`);
  await page.evaluate(readFileSync(POLYFILL, 'utf8'));
  await page.evaluate(`(() => {
    const address = ${JSON.stringify(stream)};
    const tab = { seen: [], ready: 0, source: ${source} };
    tab.source.addEventListener('tvl_change', ({ data }) => tab.seen.push(JSON.parse(data).cursor));
    tab.source.addEventListener('ready', () => (tab.ready += 1));
    globalThis.tab = tab;
  })()`);
  const of = <T>(expression: (tab: Tab) => T): Promise<T> => page.evaluate(`(${String(expression)})(globalThis.tab)`);
  return {
    name,
    seen: () => of(({ seen }) => seen),
    arrivals: () => of(({ ready }) => ready),
    hasGivenUp: () => of((tab) => tab.source.readyState === 2),
    close: () => page.close(),
  };
}

function inNode(stream: string): Client {
  const [source, seen] = [new EventSource(stream), [] as string[]];
  let ready = 0;
  source.addEventListener('tvl_change', ({ data }) => seen.push((JSON.parse(data as string) as Message).cursor));
  source.addEventListener('ready', () => (ready += 1));
  return {
    name: 'eventsource',
    seen: () => Promise.resolve(seen),
    arrivals: () => Promise.resolve(ready),
    hasGivenUp: () => Promise.resolve(source.readyState === EventSource.CLOSED),
    close: () => Promise.resolve(source.close()),
  };
}

interface Message {
  type: string;
  cursor: string;
}

/** Tracks its position as the contract requires: the position does not change until the answer to `since`. */
function reconnecting(address: string): Client {
  const socket = new ReconnectingWebSocket(address, [], { WebSocket });
  const seen: string[] = [];
  let [ready, isLive, waiting, position] = [0, false, [] as string[], undefined as string | undefined];
  socket.addEventListener('open', () => {
    [isLive, waiting] = [false, []];
    const since = position === undefined ? {} : { since: position };
    socket.send(JSON.stringify({ type: 'subscribe', channels: ['events:tvl'], ...since }));
  });
  socket.addEventListener('message', ({ data }) => {
    const { type, cursor } = JSON.parse(data as string) as Message;
    if (type === 'tvl_update' && !isLive) waiting.push(cursor);
    if (type === 'tvl_update' && isLive) seen.push(cursor);
    if (type === 'subscription_confirmed') {
      seen.push(...waiting);
      [isLive, ready] = [true, ready + 1];
    }
    if (isLive) position = cursor ?? position;
  });
  return {
    name: 'reconnecting-websocket',
    seen: () => Promise.resolve(seen),
    arrivals: () => Promise.resolve(ready),
    hasGivenUp: () => Promise.resolve(false),
    close: () => Promise.resolve(socket.close()),
  };
}

/** The two lines in the contract; the library does everything else. */
function socketIo(): Client {
  const socket = io(`${url}/v1/realtime`, { auth: { apiKey: key } });
  const seen: string[] = [];
  let ready = 0;
  socket.emit('subscribe', { type: 'tvl_changes' }, () => (ready += 1));
  socket.on('resumed', () => (ready += 1));
  socket.on('tvl_change', (_event: unknown, cursor: string) => seen.push(cursor));
  return {
    name: 'socket.io-client',
    seen: () => Promise.resolve(seen),
    arrivals: () => Promise.resolve(ready),
    hasGivenUp: () => Promise.resolve(!socket.active),
    close: () => Promise.resolve(void socket.disconnect()),
  };
}

/** The Python program in the README, with a different address and key. */
function inPython(): Client {
  const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');
  const [, printed = ''] = /```python\n(.*?)```/s.exec(readme) ?? [];
  const code = printed.replace('http://localhost:8080', url).replace('rta_…', key);
  const python = spawn('/usr/bin/python3', ['-c', code], { stdio: ['ignore', 'pipe', 'inherit'] });
  const seen: string[] = [];
  let ready = 0;
  createInterface(python.stdout).on('line', (line) => {
    if (line.startsWith('subscribed ')) ready += 1;
    else if (line.startsWith('returning ')) seen.push(line.split(' ').at(-1) ?? '');
  });
  return {
    name: 'python-socketio',
    seen: () => Promise.resolve(seen),
    arrivals: () => Promise.resolve(ready),
    hasGivenUp: () => Promise.resolve(python.exitCode !== null),
    close: async () => {
      if (python.exitCode !== null) return;
      const ended = once(python, 'close');
      python.kill('SIGKILL');
      await ended;
    },
  };
}

const arrivals = (): Promise<number[]> => Promise.all(clients.map((client) => client.arrivals()));

async function everybodyIsBack(before: readonly number[]): Promise<void> {
  await waitFor(async () => (await arrivals()).every((count, n) => count > (before[n] ?? 0)), {
    timeoutMs: 40_000,
    what: `everybody to be back: ${JSON.stringify(before)}`,
  });
}

async function write(changes: number): Promise<void> {
  for (let change = 0; change < changes; change++) {
    await pool.query(`UPDATE protocol_tvl SET tvl = tvl * 1.02 WHERE protocol = 'returning'`);
  }
}

/** Waits until every client has received all events of the log, once and in order. */
async function everybodyHasAll(): Promise<void> {
  await waitFor(async () => (await pool.query('SELECT FROM change_outbox')).rowCount === 0);
  const { rows } = await pool.query<{ seq: string }>(
    `SELECT seq FROM event_log WHERE type = 'tvl_change' ORDER BY seq`,
  );
  const expected = rows.map(({ seq }) => Number(seq));
  for (const client of clients) {
    await waitFor(async () => (await client.seen()).length >= expected.length).catch(() => undefined);
    const seen = (await client.seen()).map((cursor) => Number.parseInt(cursor.split('-')[1] ?? '', 36));
    expect({ name: client.name, seen }).toEqual({ name: client.name, seen: expected });
  }
}

it('clients reconnect after a restart, a kill and a database outage and miss no change', async () => {
  await write(5);
  await everybodyHasAll();

  let before = await arrivals();
  const draining = app.end('SIGTERM');
  await write(5);
  await draining;
  await write(5);
  await app.start();
  await everybodyIsBack(before);
  await everybodyHasAll();

  before = await arrivals();
  await app.end('SIGKILL');
  await write(5);
  await app.start();
  await everybodyIsBack(before);
  await everybodyHasAll();

  before = await arrivals();
  await cluster.end();
  await sleep(FORGOTTEN_MS);
  wire.cut();
  wire.mend();
  // Long enough for all clients to try and be refused at least once.
  await quietFor(5_000);
  expect(await arrivals()).toEqual(before);
  await cluster.begin();
  await everybodyIsBack(before);
  await write(5);
  await everybodyHasAll();
  expect(await Promise.all(clients.map((client) => client.hasGivenUp()))).toEqual(clients.map(() => false));
});

it('clients stop reconnecting after their key is revoked, except `reconnecting-websocket`', async () => {
  const id = key.split('_')[1] ?? '';
  const headers = { authorization: `Bearer ${ADMIN}` };
  expect((await fetch(`${app.url}/v1/admin/api-keys/${id}`, { method: 'DELETE', headers })).status).toBe(204);
  const others = clients.filter(({ name }) => name !== 'reconnecting-websocket');
  await waitFor(async () => (await Promise.all(others.map((client) => client.hasGivenUp()))).every(Boolean), {
    timeoutMs: 20_000,
  });
});
