import { once } from 'node:events';
import { connect as connectTcp, Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { WebSocket } from 'ws';
import { AccessService } from '../../src/access/index.js';
import { DomainError } from '../../src/platform/errors/domain-error.js';
import { RealtimeHub } from '../../src/realtime/core/hub.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { admin } from '../support/clients/admin-call.js';
import { PlainClient, type Message } from '../support/clients/plain-client.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let key: string;
const clients: PlainClient[] = [];

beforeAll(async () => {
  app = await createTestApp({ settings: { CORS_ORIGINS: 'https://good.example' } });
  key = await app.key();
});

afterAll(() => app.close());

afterEach(async () => {
  const faults = clients.flatMap((client) => client.faults);
  for (const client of clients.splice(0)) client.socket.terminate();
  if (faults.length > 0) throw new Error(faults.join('\n'));
});

function use(client: PlainClient): PlainClient {
  clients.push(client);
  return client;
}

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

describe('message ids', () => {
  it.each(['9007199254740991', '-9007199254740991', '0', '"9007199254740993"', '"\\u0000 ü🦄"'])(
    'such as %s are returned unchanged',
    async (id) => {
      const client = await connect();
      client.socket.send(`{"type":"ping","id":${id}}`);
      expect((await client.next('pong'))['id']).toEqual(JSON.parse(id));
    },
  );

  it.each(['9007199254740993', '-9007199254740993', '1e400', '0.5', 'null', 'true', '[]', `"${'x'.repeat(129)}"`])(
    'such as %s are refused because they cannot be returned unchanged',
    async (id) => {
      const client = await connect();
      client.socket.send(`{"type":"ping","id":${id}}`);
      const refusal = await client.next('error');
      expect(refusal).toMatchObject({ error: { code: 'invalid_request', field: 'id' } });
      expect(refusal).not.toHaveProperty('id');
    },
  );

  it('are not subscription ids: `unsubscribe` with an `id` is refused and removes nothing', async () => {
    const client = await connect();
    const result = await client.ask({ type: 'subscribe', channels: ['tvl'] }, 'subscription_result');
    const [{ subscriptionId }] = result['results'] as [{ subscriptionId: string }];
    expect(await client.ask({ type: 'unsubscribe', id: subscriptionId }, 'error')).toMatchObject({
      error: { code: 'invalid_request', field: 'subscriptionId' },
    });
    for (const nothing of [{ subscriptionId: null }, { channels: null }, { channels: [] }])
      await client.ask({ type: 'unsubscribe', ...nothing }, 'error');
    expect((await client.ask({ type: 'subscriptions' }, 'subscriptions'))['subscriptions']).toHaveLength(1);
  });
});

describe('WebSocket messages', () => {
  const bad: [string, string][] = [
    ['no JSON', '{"type":'],
    ['nothing', ''],
    ['a number', '5'],
    ['null', 'null'],
    ['a list', '[]'],
    ['nested too deep', '['.repeat(30_000)],
    ['an unknown type', '{"type":"explode"}'],
    ['an unknown field', '{"type":"ping","x":1}'],
    ['a missing field', '{"type":"subscribe"}'],
    ['a wrong type', '{"type":"subscribe","channels":"tvl"}'],
    [
      'a too long list',
      JSON.stringify({ type: 'subscribe', channels: Array.from({ length: 600 }, (_, i) => `c${i}`) }),
    ],
    ['a too long name', JSON.stringify({ type: 'subscribe', channels: ['x'.repeat(1000)] })],
    ['NaN', '{"type":"subscribe","channels":["tvl"],"filters":{"threshold":NaN}}'],
    ['an infinite number', '{"type":"subscribe","channels":["tvl"],"filters":{"minValue":1e999}}'],
    ['a negative number', '{"type":"subscribe","channels":["tvl"],"filters":{"threshold":-1}}'],
    ['a prototype', '{"type":"ping","__proto__":{"x":1}}'],
    ['a constructor as type', '{"type":"constructor"}'],
  ];

  it('receive one error each if invalid, and the connection stays open', async () => {
    const client = await connect();
    for (const [name, text] of bad) {
      client.socket.send(text);
      const { error } = await client.next('error');
      expect({ name, error }).toMatchObject({ name, error: { code: 'invalid_request', retryable: false } });
    }
    await client.ask({ type: 'ping' }, 'pong');
  });

  it('with SQL, HTML or emoji as names are handled as unknown names', async () => {
    const client = await connect();
    const sql = "'; DROP TABLE event_log; --";
    const refused = { type: 'subscribe', channels: ['events:tvl'], filters: { protocolIds: [sql] } };
    expect(await client.ask(refused, 'error')).toMatchObject({ error: { code: 'invalid_request' } });
    for (const text of [sql, '<script>alert(1)</script>', '🦄'.repeat(20), '../../etc/passwd']) {
      const answer = await client.ask({ type: 'subscribe', channels: [text, 'events:tvl'] }, 'subscription_result');
      expect(answer['results']).toMatchObject([{ channel: text, status: 'error' }]);
    }
    await client.ask({ type: 'ping' }, 'pong');
  });

  it('close the connection with 4400 after 21 invalid messages within a minute', async () => {
    const client = await connect();
    for (let count = 0; count < 21; count++) client.socket.send('no JSON');
    expect((await client.closed).code).toBe(4400);
    expect(client.named('error').filter(({ cursor }) => cursor === undefined)).toHaveLength(21);
    expect(client.messages.at(-1)).toMatchObject({ type: 'error', cursor: expect.any(String) });
  });

  it('in a binary frame close the connection with 4400', async () => {
    const client = await connect();
    client.socket.send(Buffer.from('{"type":"ping"}'));
    expect((await client.closed).code).toBe(4400);
    expect(client.named('error')).toMatchObject([{ error: { code: 'invalid_request' } }]);
  });

  it.each([64 * 1024 + 1, 10 * 1024 * 1024])('of %d bytes close the connection with 1009', async (size) => {
    const client = await connect();
    client.socket.send('x'.repeat(size));
    expect(await client.next('error')).toMatchObject({
      error: { code: 'payload_too_large' },
      cursor: expect.any(String),
    });
    expect((await client.closed).code).toBe(1009);
  });

  it('of exactly 64 KiB are accepted', async () => {
    const client = await connect();
    client.socket.send(JSON.stringify({ type: 'ping', id: 'x' }).padEnd(64 * 1024));
    expect(await client.next('pong')).toMatchObject({ id: 'x' });
  });

  it('with invalid UTF-8 receive an error and close the connection with 1007', async () => {
    const client = await connect();
    client.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    expect(await client.next('error')).toMatchObject({ error: { code: 'invalid_request' } });
    expect((await client.closed).code).toBe(1007);
  });

  it('with a leading byte order mark are accepted', async () => {
    const client = await connect();
    client.socket.send('\uFEFF{"type":"ping","id":"marked"}');
    expect(await client.next('pong')).toMatchObject({ id: 'marked' });
  });

  const inFragments = (client: PlainClient, message: string): void => {
    for (let at = 0; at < message.length; at++)
      client.socket.send(message[at] ?? '', { fin: at === message.length - 1 });
  };

  it('in 1,000 fragments are accepted; 1,100 fragments close the connection', async () => {
    const client = await connect();
    inFragments(client, JSON.stringify({ type: 'ping', id: 'bits' }).padEnd(1_000));
    expect(await client.next('pong')).toMatchObject({ id: 'bits' });
    inFragments(client, JSON.stringify({ type: 'ping' }).padEnd(1_100));
    expect(await client.next('error')).toMatchObject({ error: { code: 'invalid_request', retryable: false } });
    expect((await client.closed).code).toBe(1008);
  });

  it('in a packet of 50,000 ping frames do not delay other clients', async () => {
    const [flooder, bystander] = [await connect(), await connect()];
    const sink = (flooder.socket as unknown as { _socket: Socket })._socket;
    const ping = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);
    sink.write(Buffer.concat(Array.from({ length: 50_000 }, () => ping)));
    for (let n = 0; n < 5; n++) await bystander.ask({ type: 'ping' }, 'pong');
    const { _socket: wire } = flooder.socket as unknown as { _socket: Socket };
    expect(wire.bytesRead).toBeLessThan(1024 * 1024);
  });
});

describe('a flood', () => {
  it('of filter names is refused before it takes much memory', async () => {
    const client = await connect();
    for (let list = 0; list < 41; list++) {
      const protocolIds = Array.from({ length: 500 }, (_, n) => `${list}-${n}`);
      client.send({ type: 'subscribe', channels: [`events:chain:c${list}`], filters: { protocolIds } });
    }
    expect(await client.next('error')).toMatchObject({ error: { code: 'limit_exceeded', retryable: false } });
    expect(client.named('subscription_confirmed')).toHaveLength(39);
  });

  it('of 10,000 messages closes the connection with 4429 and does not affect other users', async () => {
    const bystander = await connect(await app.key({ userId: 'bystander' }));
    const flooder = await connect(await app.key({ tier: 'free', userId: 'flooder' }));
    for (let count = 0; count < 10_000; count++) flooder.socket.send('{"type":"ping"}');
    expect((await flooder.closed).code).toBe(4429);
    expect(flooder.named('pong').length).toBeLessThanOrEqual(100);
    await bystander.ask({ type: 'ping' }, 'pong');
  });

  it('of messages above the limit is refused without closing the connection', async () => {
    const client = await connect(await app.key({ tier: 'free', userId: 'talker' }));
    for (let id = 0; id < 120; id++) client.send({ type: 'ping', id });
    await waitFor(() => client.named('pong').length + client.named('error').length === 120);
    expect(client.named('pong').length).toBeLessThanOrEqual(100);
    expect(client.named('error').every(({ error }) => (error as Message)['code'] === 'rate_limited')).toBe(true);
    expect(client.socket.readyState).toBe(WebSocket.OPEN);
  });

  it('of subscription changes above the limit is refused', async () => {
    const client = await connect(await app.key({ tier: 'free', userId: 'changer' }));
    for (let count = 0; count < 11; count++) client.send({ type: 'subscribe', channels: ['tvl'] });
    expect(await client.next('error')).toMatchObject({ error: { code: 'rate_limited' } });
  });

  it('of unread events switches the client to mode `latest` and then closes its connection', async () => {
    const writes = 15;
    await app.db.pool.query(
      `INSERT INTO token_prices (token, price) SELECT 'stall-' || g, 1 FROM generate_series(1, 2000) g`,
    );
    const reader = await connect();
    const filters = { tokenIds: ['stall-1'] };
    await reader.ask({ type: 'subscribe', channels: ['prices'], filters }, 'subscription_result');
    const stalled = await connect();
    await stalled.ask({ type: 'subscribe', channels: ['prices'] }, 'subscription_result');
    stalled.socket.pause();
    for (let count = 0; count < writes; count++) {
      await app.db.pool.query(`UPDATE token_prices SET price = price * 1.1 WHERE token LIKE 'stall-%'`);
    }
    await waitFor(() => reader.named('price_update').length === writes);
    const path = `/v1/realtime/connections/${String(stalled.messages[0]!['connectionId'])}`;
    const status = async () =>
      (await fetch(app.url + path, { headers: { authorization: `Bearer ${app.adminKey}` } })).status;
    await waitFor(async () => (await status()) === 404, { timeoutMs: 20_000, everyMs: 100 });
    stalled.socket.resume();
    await waitFor(() => stalled.named('slow_consumer').length === 2);
    expect(stalled.named('slow_consumer')).toMatchObject([{ mode: 'latest' }, { cursor: expect.any(String) }]);
    expect(await stalled.closed).toEqual({ code: 4408, reason: 'slow_consumer' });
  });

  it('of requests from a client that reads no replies ends the connection', async () => {
    const client = await connect();
    for (let list = 0; list < 20; list++) {
      const protocolIds = Array.from({ length: 500 }, (_, n) => `${list}-${n}-`.padEnd(100, 'x'));
      await client.ask(
        { type: 'subscribe', channels: [`events:protocol:p${list}`], filters: { protocolIds } },
        'subscription_confirmed',
      );
    }
    const session = app.nest.get(RealtimeHub).sessions.get(String(client.messages[0]!['connectionId']))!;
    client.socket.pause();
    for (let count = 0; count < 500; count++) client.send({ type: 'subscriptions' });
    let most = 0;
    await waitFor(() => {
      most = Math.max(most, session.link.bufferedBytes());
      return session.ended;
    });
    expect(most).toBeLessThan(16 * 1024 * 1024);
  });
});
