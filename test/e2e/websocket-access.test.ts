import { once } from 'node:events';
import { connect as connectTcp, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { AccessService } from '../../src/access/index.js';
import { DomainError } from '../../src/platform/errors/domain-error.js';
import { Clock } from '../../src/platform/clock/clock.js';
import { WebSocketTransport } from '../../src/realtime/transports/websocket/websocket.transport.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { admin } from '../support/clients/admin-call.js';
import { PlainClient } from '../support/clients/plain-client.js';
import { waitFor } from '../support/wait-for.js';
import { OpenedClients } from '../support/clients/opened-clients.js';

let app: TestApp;

let key: string;

const clients = new OpenedClients<PlainClient>((client) => client.socket.terminate());

beforeAll(async () => {
  app = await createTestApp({ settings: { CORS_ORIGINS: 'https://good.example' } });
  key = await app.key();
});

afterAll(() => app.close());

afterEach(() => clients.close());

const use = (client: PlainClient): PlainClient => clients.add(client);

const connect = async (apiKey = key): Promise<PlainClient> => use(await PlainClient.connect(app.url, apiKey));

/** Returns the first line of the response to an upgrade request that no WebSocket client would send. */
async function upgrade(path: string, more = ''): Promise<string> {
  const socket = connectTcp(app.port, '127.0.0.1');
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`,
  );
  const [data] = (await once(socket, 'data')) as [Buffer];
  socket.destroy();
  return data.toString('latin1').split('\r\n')[0] ?? '';
}

/** Performs several checks at once that the transport otherwise makes once a second. */
function look(times: number): void {
  const transport = app.nest.get(WebSocketTransport);
  for (let look = 0; look < times; look++) transport['checkAll']();
}

/** Connects a peer that upgrades and then never sends anything, not even a pong. */
async function mute(path: string): Promise<{ socket: Socket; ended: () => boolean; pings: () => number }> {
  const socket = connectTcp(app.port, '127.0.0.1');
  let [received, ended] = [Buffer.alloc(0), false];
  socket.on('data', (data: Buffer) => (received = Buffer.concat([received, data])));
  socket.on('close', () => (ended = true));
  socket.on('error', () => {});
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
      `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n`,
  );
  await waitFor(() => received.includes('connectionId') || !path.includes('apiKey'));
  const ping = Buffer.from([0x89, 0x00]);
  return { socket, ended: () => ended, pings: () => (received.includes(ping) ? 1 : 0) };
}

describe('HTTP upgrades', () => {
  it.each(['/', '/ws', '/ws/', '/v1/realtime', '/v2/realtime?apiKey=x'])(
    'on %s open the plain WebSocket API',
    async (path) => {
      expect(await upgrade(path)).toBe('HTTP/1.1 101 Switching Protocols');
    },
  );

  it.each([
    '/nothing',
    '/v1/stream',
    '/ws/deeper',
    '/socket.iox',
    '/socket.io',
    '/socket.io?EIO=4&transport=websocket',
  ])('on %s receive 404', async (path) => {
    expect(await upgrade(path)).toBe('HTTP/1.1 404 Not Found');
  });

  it('to other protocols are ignored and the request is answered over HTTP/1.1', async () => {
    const socket = connectTcp(app.port, '127.0.0.1');
    socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n');
    const [data] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    expect(data.toString('latin1')).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  });

  it.each(['/ws', '/v1/realtime', '/v2/realtime'])(
    'are required on %s: a plain HTTP request receives 426 without the key in the body',
    async (path) => {
      const answer = await fetch(`${app.url}${path}?apiKey=${key}`);
      expect([answer.status, answer.headers.get('upgrade')]).toEqual([426, 'websocket']);
      const problem = await answer.text();
      expect(JSON.parse(problem)).toMatchObject({
        code: 'invalid_request',
        detail: expect.stringContaining('WebSocket'),
      });
      expect(problem).not.toContain(key);
    },
  );

  it('receive a problem document without the key if they are refused', async () => {
    const socket = connectTcp(app.port, '127.0.0.1');
    socket.write(`GET /nothing?apiKey=${key} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`);
    const answer = await text(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 404 Not Found\r\n(.*\r\n)*Content-Type: application\/problem\+json\r\n/);
    expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toMatchObject({ code: 'not_found', instance: '/nothing' });
    expect(answer).not.toContain(key);
    const bad = connectTcp(app.port, '127.0.0.1');
    bad.write('GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    expect(await text(bad)).toContain('"code":"invalid_request"');
  });

  it('of a WebSocket client on an unknown path fail with 404', async () => {
    const socket = new WebSocket(`${app.url.replace('http', 'ws')}/nothing`);
    const [error] = (await once(socket, 'error')) as [Error];
    expect(error.message).toContain('404');
  });
});

describe('authentication on a WebSocket', () => {
  it.each([
    ['a wrong key in the URL', () => new PlainClient(`${app.url}/ws?apiKey=rta_wrong_key`), 'invalid_api_key', 4401],
    [
      'a page of another origin',
      () => new PlainClient(`${app.url}/ws?apiKey=${key}`, { origin: 'https://evil.example' }),
      'forbidden',
      4403,
    ],
  ])('refuses %s with an error message and closes the connection', async (_, open, code, closeCode) => {
    const client = use(open());
    expect(await client.next('error')).toMatchObject({ error: { code } });
    expect((await client.closed).code).toBe(closeCode);
    expect(client.named('connected')).toEqual([]);
  });

  it('accepts a page of an allowed origin with a key in a header', async () => {
    const headers = { authorization: `Bearer ${key}` };
    const client = use(new PlainClient(`${app.url}/ws`, { origin: 'https://good.example', headers }));
    expect(await client.next('connected')).toMatchObject({ limits: { connections: 1_000 } });
  });

  it('closes the connection for a wrong key in a message, without handling later messages', async () => {
    const client = await use(new PlainClient(`${app.url}/ws`)).opened();
    client.send({ type: 'authenticate', apiKey: 'rta_wrong_key' });
    client.send({ type: 'subscribe', channels: ['tvl'] });
    expect((await client.closed).code).toBe(4401);
    expect(client.messages.map(({ type }) => type)).toEqual(['error']);
  });

  it('refuses messages before `authenticate` and queues messages during the check', async () => {
    const client = await use(new PlainClient(`${app.url}/ws`)).opened();
    client.send({ type: 'ping', id: 1 });
    client.send({ type: 'authenticate', apiKey: key, id: 2 });
    for (let id = 3; id < 100; id++) client.send({ type: 'ping', id });
    await waitFor(() => client.named('pong').length === 97);
    expect(client.messages[0]).toMatchObject({ type: 'error', id: 1, error: { code: 'missing_api_key' } });
    expect(client.messages[1]).toMatchObject({ type: 'connected' });
    expect(client.messages[2]).toMatchObject({ type: 'authenticated', id: 2, role: 'reader', tier: 'enterprise' });
    expect(client.named('pong').map(({ id }) => id)).toEqual(Array.from({ length: 97 }, (_, index) => index + 3));
  });

  it('confirms the same key again and refuses a key of another user', async () => {
    const client = await connect();
    expect(await client.ask({ type: 'authenticate', apiKey: key }, 'authenticated')).toMatchObject({ role: 'reader' });
    const other = await app.key({ userId: 'other' });
    expect(await client.ask({ type: 'authenticate', apiKey: other }, 'error')).toMatchObject({
      error: { code: 'conflict' },
    });
    expect(await client.ask({ type: 'authenticate', apiKey: 'x' }, 'error')).toMatchObject({
      error: { code: 'invalid_api_key' },
    });
  });

  it('refuses a wrong key with the id of the message that contained the key', async () => {
    const client = use(await new PlainClient(`${app.url}/ws`).opened());
    expect(await client.ask({ type: 'authenticate', apiKey: 'rta_no_key', id: 'mine' }, 'error')).toMatchObject({
      id: 'mine',
      error: { code: 'invalid_api_key' },
    });
    expect((await client.closed).code).toBe(4401);
  });

  it('refuses a key without the WebSocket transport', async () => {
    const narrow = await app.key({ transports: ['sse'] });
    const client = use(new PlainClient(`${app.url}/ws?apiKey=${narrow}`));
    expect((await client.closed).code).toBe(4403);
  });

  it('refuses a connection above the limit of the key, unless it resumes with `since`', async () => {
    const free = await app.key({ tier: 'free', userId: 'crowd' });
    const held = await Promise.all(Array.from({ length: 5 }, () => connect(free)));
    const client = use(new PlainClient(`${app.url}/ws?apiKey=${free}`));
    expect(await client.next('error')).toMatchObject({ error: { code: 'connection_limit', retryable: false } });
    expect((await client.closed).code).toBe(4429);
    const resuming = use(
      new PlainClient(`${app.url}/ws?apiKey=${free}&since=${String(held[0]!.messages[0]!['cursor'])}`),
    );
    await resuming.next('connected');
  });

  it('ends with an error and a close when the key is revoked', async () => {
    const made = await admin<{ id: string; key: string }>(app, 'POST', '/v1/admin/api-keys', {
      userId: 'gone',
      role: 'reader',
      tier: 'pro',
    });
    const client = await connect(made.key);
    await admin(app, 'DELETE', `/v1/admin/api-keys/${made.id}`);
    expect(await client.next('error')).toMatchObject({
      error: { code: 'invalid_api_key' },
      cursor: expect.any(String),
    });
    expect((await client.closed).code).toBe(4401);
  });
});

it.each([
  ['stays open if the expiry of its key is postponed', null],
  ['closes when its key expires', undefined],
])('a WebSocket %s', async (_, later) => {
  const made = await admin<{ id: string; key: string }>(app, 'POST', '/v1/admin/api-keys', {
    userId: 'brief',
    role: 'reader',
    tier: 'pro',
    expiresAt: new Date(Date.now() + 2_000).toISOString(),
  });
  const client = await connect(made.key);
  if (later === null) await admin(app, 'PATCH', `/v1/admin/api-keys/${made.id}`, { expiresAt: later });
  const outcome = await Promise.race([client.closed, sleep(later === null ? 3_500 : 7_000)]);
  expect(outcome).toEqual(later === null ? undefined : { code: 4401, reason: 'expired' });
});

describe('WebSocket clients without a key', () => {
  const from = (localAddress: string, path = '/ws') => use(new PlainClient(`${app.url}${path}`, { localAddress }));
  const refused = async (client: PlainClient): Promise<string> => {
    const [error] = (await once(client.socket, 'error')) as [Error];
    return error.message;
  };

  it('may hold 256 connections per address; connections with a key are not limited by this', async () => {
    const address = '127.0.0.50';
    const strangers = Array.from({ length: 256 }, () => from(address));
    for (const stranger of strangers) await stranger.opened();
    expect(await refused(from(address))).toContain('429');
    expect(await refused(from(address, '/ws?apiKey=rta_wrong_key'))).toContain('429');
    await from(address, `/ws?apiKey=${key}`).next('connected');
    await from('127.0.0.51').opened();
    strangers[0]?.send({ type: 'authenticate', apiKey: key });
    await strangers[0]?.next('authenticated');
    await from(address).opened();
    expect(await refused(from(address))).toContain('429');
    strangers[1]?.socket.terminate();
    await waitFor(async () => {
      const next = from(address);
      return Promise.race([next.opened().then(() => true), refused(next).then(() => false)]);
    });
  });

  it('may hold the newest 256 unfinished requests per address; keyed clients still connect', async () => {
    const address = { host: '127.0.0.1', port: app.port, localAddress: '127.0.0.53' };
    const halves: Socket[] = [];
    for (let n = 0; n < 300; n++) {
      const socket = connectTcp(address).on('error', () => undefined);
      halves.push(socket);
      await once(socket, 'connect');
      socket.write('GET /health/live HTTP/1.1\r\nHost: x\r\n');
    }
    const open = () => halves.map((socket, n) => (socket.destroyed ? -1 : n)).filter((n) => n >= 0);
    await waitFor(() => open().length === 256);
    expect(open()[0]).toBe(44);
    halves[299]?.write('\r\n');
    expect(String((await once(halves[299] ?? new Socket(), 'data'))[0])).toContain('200 OK');
    await from('127.0.0.53', `/ws?apiKey=${key}`).next('connected');
    for (const socket of halves) socket.destroy();
  });

  it('are disconnected if they send too many messages', async () => {
    const client = await from('127.0.0.52').opened();
    for (let id = 0; id < 25; id++) client.send({ type: 'ping', id });
    expect((await client.closed).code).toBe(4429);
    expect(client.named('error').at(-1)).toMatchObject({ error: { code: 'rate_limited', retryable: true } });
    const keyed = from('127.0.0.52', `/ws?apiKey=${key}`);
    await keyed.next('connected');
    await keyed.ask({ type: 'ping' }, 'pong');
  });
});

it('a WebSocket closes with 1013 while keys cannot be checked, so that the client retries', async () => {
  const check = vi.spyOn(app.nest.get(AccessService), 'authenticate');
  for (const path of [`/ws?apiKey=${key}`, '/ws']) {
    check.mockRejectedValueOnce(new DomainError('unavailable', 'Keys cannot be checked at the moment.'));
    const client = await use(new PlainClient(`${app.url}${path}`)).opened();
    if (path === '/ws') client.send({ type: 'authenticate', apiKey: key });
    expect(await client.next('error')).toMatchObject({ error: { code: 'unavailable', retryable: true } });
    expect((await client.closed).code).toBe(1013);
  }
  check.mockRestore();
});

it('a WebSocket without a key receives an error and closes with 4401 after 10 s', async () => {
  const client = await new PlainClient(`${app.url}/ws`).opened();
  look(5);
  client.send({ type: 'ping', id: 'early' });
  expect(await client.next('error')).toMatchObject({ id: 'early', error: { code: 'missing_api_key' } });
  look(6);
  expect((await client.closed).code).toBe(4401);
  expect(client.messages.at(-1)).toMatchObject({ type: 'error', error: { code: 'missing_api_key' } });
  expect(client.faults).toEqual([]);
});

it('a WebSocket client that does not reply to a ping is disconnected; an active one is not', async () => {
  const key = await app.key();
  const alive = await PlainClient.connect(app.url, key);
  const dead = await mute(`/ws?apiKey=${key}`);
  look(31);
  await waitFor(() => dead.pings() === 1);
  await alive.ask({ type: 'ping' }, 'pong');
  look(31);
  await waitFor(() => dead.ended());
  expect(await alive.ask({ type: 'ping', id: 'still here' }, 'pong')).toMatchObject({ id: 'still here' });
  await alive.close();
});

it('a process pause of 70 s or a clock change disconnects no WebSocket client', async () => {
  const quiet = await mute(`/ws?apiKey=${await app.key()}`);
  const clock = vi.spyOn(app.nest.get(Clock), 'now').mockReturnValue(Date.now() + 3_600_000);
  const elapsed = vi.spyOn(app.nest.get(Clock), 'elapsed').mockReturnValue(performance.now() + 70_000);
  look(1);
  clock.mockReturnValue(Date.now() - 3_600_000);
  look(1);
  for (const spy of [clock, elapsed]) spy.mockRestore();
  expect([quiet.ended(), quiet.pings()]).toEqual([false, 0]);
  quiet.socket.destroy();
});
