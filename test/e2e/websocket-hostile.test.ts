import { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { RealtimeHub } from '../../src/realtime/core/hub.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { PlainClient, type Message } from '../support/clients/plain-client.js';
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
