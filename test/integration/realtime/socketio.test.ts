import { connect as connectTcp } from 'node:net';
import { afterEach, assert, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { formatCursor } from '../../../src/events/index.js';
import { EPOCH } from '../../support/data/log-event.js';
import { KEY, next, startSocketIoServer, type SocketIoServer } from '../../support/servers/socketio-server.js';
import { waitFor } from '../../support/wait-for.js';

let server: SocketIoServer;

beforeEach(async () => {
  server = await startSocketIoServer();
});

afterEach(async () => {
  await server.close();
  assert.deepEqual(server.faults, []);
});

const since = (seq: number) => formatCursor(EPOCH, seq);

describe('connecting over Socket.IO', () => {
  it.each([
    ['auth.apiKey', { auth: { apiKey: KEY } }],
    ['the Authorization header', { auth: {}, extraHeaders: { authorization: `Bearer ${KEY}` } }],
    ['the handshake query', { auth: {}, query: { apiKey: KEY } }],
  ])('accepts the key from %s, and greets with id, cursor and limits', async (_, options) => {
    server.log.append({});
    const socket = server.connect(options);
    const greeting = await next(socket, 'connected');
    expect(greeting).toMatchObject({ connectionId: socket.id, cursor: since(1), limits: { connections: 0 } });
    expect(server.hub.sessions.get(String(socket.id))?.info().metadata.ipAddress).toBe('127.0.0.1');
  });

  it('serves `/v2/realtime` like `/v1/realtime`', async () => {
    const socket = server.connect({}, '/v2/realtime');
    await next(socket, 'connected');
    await socket.emitWithAck('subscribe', { type: 'tvl_changes' });
    const event = next(socket, 'tvl_change');
    server.log.append({});
    expect(await event).toMatchObject({ cursor: since(1) });
  });

  it('uses the key of the connection for a namespace that is joined later', async () => {
    const options = { auth: {}, forceNew: false, extraHeaders: { authorization: `Bearer ${KEY}` } };
    await next(server.connect(options), 'connected');
    const later = server.connect(options, '/v2/realtime');
    await next(later, 'connected');
    const { userAgent, ipAddress } = server.hub.sessions.get(String(later.id))?.info().metadata ?? {};
    expect([userAgent, ipAddress]).toEqual([expect.any(String), '127.0.0.1']);
  });

  it.each([
    ['no key', { auth: {} }, 'missing_api_key'],
    ['an unknown key', { auth: { apiKey: 'rta_no_such' } }, 'invalid_api_key'],
    ['a key that is an object', { auth: { apiKey: { $gt: '' } } }, 'missing_api_key'],
  ])('refuses %s with a final error code', async (_, options, code) => {
    const error = await next<Error & { data: unknown }>(server.connect(options), 'connect_error');
    expect(error.message).toBe(code);
    expect(error.data).toMatchObject({ code, retryable: false, message: expect.any(String) });
  });

  it('refuses connections beyond the limit, without counting closed connections', async () => {
    server.allowance.connections = 1;
    const first = server.connect();
    await next(first, 'connected');
    const error = await next<Error & { data: unknown }>(server.connect({ reconnection: false }), 'connect_error');
    expect(error.data).toEqual({ code: 'connection_limit', retryable: false, message: expect.any(String) });
    first.disconnect();
    await waitFor(() => server.hub.sessions.size === 0);
    server.allowance.open.clear();
    await next(server.connect(), 'connected');
    expect(server.allowance.open.size).toBe(1);
  });

  it('refuses the default namespace', async () => {
    const error = await next<Error>(server.connect({}, '/'), 'connect_error');
    expect(error.message).toBe('not_found');
  });
});

describe('client events', () => {
  it('are answered by the callback, or by an event if there is no callback', async () => {
    const socket = server.connect();
    const answer = await socket.emitWithAck('subscribe', { type: 'tvl_changes', threshold: 0.06 });
    expect(answer).toEqual({
      ok: true,
      subscription: { id: 's1', type: 'tvl_changes', threshold: 0.05 },
      cursor: since(0),
    });
    const [subscribed, listed, pong, filters, unsubscribed, error] = [
      next(socket, 'subscribed'),
      next(socket, 'subscriptions'),
      next(socket, 'pong'),
      next(socket, 'filters_updated'),
      next(socket, 'unsubscribed'),
      next(socket, 'error'),
    ];
    socket.emit('subscribe', { type: 'price_changes' });
    socket.emit('subscriptions');
    socket.emit('ping');
    socket.emit('update_filters', { id: 's1', threshold: 0.2 });
    socket.emit('unsubscribe', { type: 'price_changes' });
    socket.emit('subscribe', { type: 'nonsense' });
    expect(await subscribed).toMatchObject({ subscription: { id: 's2', type: 'price_changes' } });
    expect(await listed).toMatchObject({ subscriptions: [{ id: 's1' }, { id: 's2' }], mode: 'all' });
    expect(await pong).toMatchObject({ timestamp: expect.stringMatching(/Z$/), cursor: since(0) });
    expect(await filters).toMatchObject({ subscriptions: [{ id: 's1', threshold: 0.2 }] });
    expect(await unsubscribed).toMatchObject({ removed: [{ id: 's2' }] });
    expect(await error).toMatchObject({ code: 'invalid_request', field: 'type', retryable: false });
  });

  it.each([{}, { id: undefined }, { protocols: undefined, type: undefined }, undefined, null, []])(
    'remove nothing without a selector: unsubscribe %j',
    async (nothing) => {
      const socket = server.connect();
      await socket.emitWithAck('subscribe', [{ type: 'tvl_changes' }, { type: 'price_changes' }]);
      const answer = await socket.emitWithAck('unsubscribe', nothing);
      expect(answer).toMatchObject({ ok: false, error: { code: 'invalid_request', retryable: false } });
      expect((await socket.emitWithAck('subscriptions')).subscriptions).toHaveLength(2);
    },
  );

  it.each([
    [{ id: undefined, threshold: 0.2 }, 'invalid_request'],
    [{ id: null, threshold: 0.2 }, 'invalid_request'],
    [{ id: undefined, filters: {} }, 'invalid_request'],
    [{ protocols: undefined, filters: { chain: 'base' } }, 'invalid_request'],
    [{ id: 's99', threshold: 0.2 }, 'not_found'],
    [{ id: 's99', mode: 'latest' }, 'not_found'],
  ])('change nothing without a valid selector: update_filters %j', async (nothing, code) => {
    const socket = server.connect();
    await socket.emitWithAck('subscribe', [{ type: 'tvl_changes' }, { type: 'price_changes' }]);
    const before = await socket.emitWithAck('subscriptions');
    const answer = await socket.emitWithAck('update_filters', nothing);
    expect(answer).toMatchObject({ ok: false, error: { code, retryable: false } });
    expect(await socket.emitWithAck('subscriptions')).toEqual(before);
  });

  it('keep their order, so that an unsubscribe waits for an earlier replay', async () => {
    server.log.append({}, {}, {});
    const socket = server.connect();
    const seen: unknown[] = [];
    socket.on('tvl_change', ({ cursor }) => seen.push(cursor));
    const first = socket.emitWithAck('subscribe', { type: 'tvl_changes', since: since(0) }).then((answer) => {
      seen.push('answer');
      return answer;
    });
    const ping = socket.emitWithAck('ping');
    const last = socket.emitWithAck('unsubscribe', { type: 'tvl_changes' });
    expect(await first).toMatchObject({ ok: true, recovered: true, replayed: 3 });
    expect(await ping).toMatchObject({ ok: true });
    expect(await last).toMatchObject({ ok: true, removed: [{ id: 's1' }] });
    expect(seen).toEqual([since(1), since(2), since(3), 'answer']);
  });

  it('replay the events of an array of subscriptions once, merged in log order', async () => {
    server.log.append({}, { type: 'price_change', protocol: null, token: 'bitcoin' }, {});
    const socket = server.connect();
    const seen: unknown[] = [];
    socket.onAny((name, { cursor }) => {
      if (name !== 'connected' && name !== 'heartbeat') seen.push([name, cursor]);
    });
    const bodies = ['tvl_changes', 'price_changes'].map((type) => ({ type, since: since(0) }));
    expect(await socket.emitWithAck('subscribe', bodies)).toMatchObject({
      ok: true,
      subscriptions: [{ type: 'tvl_changes' }, { type: 'price_changes' }],
      replayed: 3,
    });
    expect(seen).toEqual([
      ['tvl_change', since(1)],
      ['price_change', since(2)],
      ['tvl_change', since(3)],
    ]);
  });

  const deep = () => {
    let value: unknown = 1;
    for (let level = 0; level < 1_000; level++) value = [value];
    return value;
  };
  const hostile: [string, unknown[]][] = [
    ['no argument', []],
    ['null', [null]],
    ['a string', ['tvl_changes']],
    ['a number', [7]],
    ['an empty object', [{}]],
    ['an empty array', [[]]],
    ['a huge array', [Array.from({ length: 5_000 }, () => 0)]],
    ['an array that contains a number', [[{ type: 'tvl_changes' }, 5]]],
    ['a type that is a list', [{ type: ['tvl_changes'] }]],
    ['an unknown type', [{ type: 'everything' }]],
    ['`constructor` as type', [{ type: 'constructor' }]],
    ['an unknown field', [{ type: 'tvl_changes', treshold: 0.05 }]],
    ['`__proto__` as a field', [JSON.parse('{"type":"tvl_changes","__proto__":{"admin":true}}')]],
    ['NaN as threshold', [{ type: 'tvl_changes', threshold: Number.NaN }]],
    ['infinity as minimum', [{ type: 'tvl_changes', minValue: Number.POSITIVE_INFINITY }]],
    ['a negative threshold', [{ type: 'tvl_changes', threshold: -0.1 }]],
    ['a string as threshold', [{ type: 'tvl_changes', threshold: '0.05' }]],
    ['a minimum above the maximum', [{ type: 'tvl_changes', minValue: 5, maxValue: 1 }]],
    ['a name that is too long', [{ type: 'protocol', protocol: 'x'.repeat(1_000) }]],
    ['a list with too many values', [{ type: 'protocol', protocols: Array.from({ length: 501 }, (_, i) => `p${i}`) }]],
    ['objects as chains', [{ type: 'tvl_changes', chains: [{}] }]],
    ['too deep nesting', [{ type: 'tvl_changes', chains: deep() }]],
    ['binary data', [Buffer.from([1, 2, 3])]],
    ['binary data as protocol', [{ type: 'tvl_changes', protocol: Buffer.from([1, 2, 3]) }]],
    ['a missing protocol', [{ type: 'protocol' }]],
    ['an unknown channel', [{ type: 'channel', channel: 'events:secrets' }]],
    ['a channel name with a script', [{ type: 'channel', channel: 'events:token:<script>alert(1)</script>\u0000 x' }]],
    ['a number as cursor', [{ type: 'tvl_changes', since: 12 }]],
    ['a cursor that is too long', [{ type: 'tvl_changes', since: 'x'.repeat(50) }]],
    [
      'two different cursors',
      [
        [
          { type: 'tvl_changes', since: since(1) },
          { type: 'alerts', since: since(2) },
        ],
      ],
    ],
    ['a malformed cursor', [{ type: 'tvl_changes', since: 'yesterday' }]],
    ['event types that the type never sends', [{ type: 'tvl_changes', eventTypes: ['price_change'] }]],
    ['event types that the channel never sends', [{ type: 'channel', channel: 'events:tvl', eventTypes: ['alert'] }]],
    ['an unknown mode', [{ type: 'tvl_changes', mode: 'fast' }]],
    ['an interval out of bounds', [{ type: 'tvl_changes', mode: 'latest', intervalMs: 1 }]],
    ['a fractional interval', [{ type: 'tvl_changes', intervalMs: 1_000.5 }]],
    ['a fractional interval of a query', [{ type: 'query', query: {}, intervalMs: 1_000.5 }]],
    ['a string as snapshot flag', [{ type: 'tvl_changes', snapshot: 'yes' }]],
    ['an array as live query', [{ type: 'query', query: [] }]],
    ['a live query with a filter beside it', [{ type: 'query', query: {}, protocol: 'aave' }]],
    ['several arguments', [{ type: 'tvl_changes' }, { type: 'alerts' }]],
  ];

  it.each(hostile)('get `invalid_request` for %s, and the connection stays open', async (_, args) => {
    const socket = server.connect({ transports: ['websocket'] });
    const answer = await socket.timeout(5_000).emitWithAck('subscribe', ...args);
    expect(answer).toMatchObject({ ok: false, error: { code: 'invalid_request', retryable: false } });
    expect(answer.error.message.length).toBeLessThan(1_000);
    expect(await socket.emitWithAck('subscriptions')).toMatchObject({ ok: true, subscriptions: [] });
  });

  it('accept SQL and HTML in names as plain text, and refuse names that no data can have', async () => {
    const socket = server.connect();
    const names = ["';drop-table-protocols;--", '<b>lido</b>'];
    expect(await socket.emitWithAck('subscribe', { type: 'protocol', protocols: names })).toMatchObject({
      ok: true,
      subscription: { protocols: names },
    });
    expect(await socket.emitWithAck('subscribe', { type: 'protocol', protocol: 'drop table' })).toMatchObject({
      ok: false,
      error: { code: 'invalid_request', field: 'protocol' },
    });
  });

  it.each(['no_such_event', 'error', 'message', '__proto__', 'constructor', 'hasOwnProperty', ''])(
    'get an error for the unknown event %j',
    async (name) => {
      const socket = server.connect();
      expect(await socket.timeout(5_000).emitWithAck(name, {})).toMatchObject({
        ok: false,
        error: { code: 'invalid_request' },
      });
      const error = next(socket, 'error');
      socket.emit(name, {});
      expect(await error).toMatchObject({ code: 'invalid_request' });
    },
  );

  it('are refused beyond the limit of the tier, and a client that continues is disconnected', async () => {
    server.allowance.messages = 3;
    const socket = server.connect({ transports: ['websocket'] });
    await next(socket, 'connected');
    const errors: { code: string }[] = [];
    socket.on('error', (error) => errors.push(error));
    const ended = next<string>(socket, 'disconnect');
    for (let i = 0; i < 10_000; i++) socket.emit('ping');
    expect(await ended).toBe('transport close');
    expect(errors[0]).toMatchObject({ code: 'rate_limited', retryable: true });
    expect(errors.at(-1)).toMatchObject({ cursor: since(0) });
    expect(errors.length).toBeLessThan(2_000);
    await waitFor(() => server.hub.sessions.size === 0);
  });

  it('have a separate limit for changes of subscriptions', async () => {
    server.allowance.changes = 1;
    const socket = server.connect();
    expect(await socket.emitWithAck('subscribe', { type: 'tvl_changes' })).toMatchObject({ ok: true });
    expect(await socket.emitWithAck('subscribe', { type: 'alerts' })).toMatchObject({
      ok: false,
      error: { code: 'rate_limited' },
    });
    expect(await socket.emitWithAck('ping')).toMatchObject({ ok: true });
  });
});

describe('Socket.IO frames', () => {
  it('close only their own connection if larger than 64 KiB', async () => {
    const other = server.connect();
    await next(other, 'connected');
    for (const transports of [['websocket'], ['polling']]) {
      const socket = server.connect({ transports, reconnection: false });
      await next(socket, 'connected');
      const ended = next<string>(socket, 'disconnect');
      socket.emit('subscribe', { type: 'x'.repeat(10_000_000) });
      expect(await ended).toMatch(/transport/);
    }
    expect(await other.emitWithAck('ping')).toMatchObject({ ok: true });
  });

  it.each([
    '4{"not":"socket.io"}',
    '42/v1/realtime,not json',
    '49',
    '451-/v1/realtime,["subscribe"]',
    '\u0000\u0001',
    '4'.repeat(1_000),
  ])('affect no other connection if they are invalid: %j', async (frame) => {
    const raw = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    raw.on('error', () => {});
    raw.on('open', () => raw.send(`40/v1/realtime,${JSON.stringify({ apiKey: KEY })}`));
    await waitFor(() => server.hub.sessions.size === 1);
    raw.send(frame);
    raw.send(Buffer.from([0xff, 0x00]));
    const other = server.connect();
    expect(await other.emitWithAck('ping')).toMatchObject({ ok: true });
    raw.terminate();
    await waitFor(() => server.hub.sessions.size === 1);
  });

  it('keep the order of events and answers on polling, upgraded and WebSocket clients', async () => {
    const clients = [['polling'], ['polling', 'websocket'], ['websocket']].map((transports) => {
      const socket = server.connect({ transports });
      const seen: unknown[] = [];
      socket.on('tvl_change', ({ cursor }) => seen.push(cursor));
      return { socket, seen };
    });
    for (const { socket } of clients) await socket.emitWithAck('subscribe', { type: 'tvl_changes' });
    for (let round = 0; round < 40; round++) {
      server.log.append({}, {}, {});
      const pongs = await Promise.all(clients.map(({ socket }) => socket.emitWithAck('ping')));
      for (const [index, { seen }] of clients.entries()) expect(seen.at(-1)).toBe(pongs[index].cursor);
    }
    for (const { seen } of clients) expect(seen).toEqual(Array.from({ length: 120 }, (_, i) => since(i + 1)));
  });

  it('deliver the same events in each of two namespaces of a connection', async () => {
    const one = server.connect({ transports: ['websocket'], forceNew: false });
    const two = server.connect({ transports: ['websocket'], forceNew: false }, '/v2/realtime');
    const seen = [one, two].map((socket) => {
      const cursors: unknown[] = [];
      socket.on('tvl_change', ({ cursor }) => cursors.push(cursor));
      return cursors;
    });
    await Promise.all([one, two].map((socket) => socket.emitWithAck('subscribe', { type: 'tvl_changes' })));
    server.log.append({}, {});
    await waitFor(() => seen.every((cursors) => cursors.length === 2));
    expect(seen[0]).toEqual(seen[1]);
  });
});

describe('a disconnect', () => {
  it('after a revocation sends the reason to the client, which does not reconnect', async () => {
    const socket = server.connect();
    await next(socket, 'connected');
    const [error, reason] = [next(socket, 'error'), next<string>(socket, 'disconnect')];
    server.hub.endKey('key-1', 'revoked', 'The API key was revoked.');
    expect(await error).toMatchObject({
      code: 'invalid_api_key',
      message: 'The API key was revoked.',
      cursor: since(0),
    });
    expect(await reason).toBe('io server disconnect');
  });

  it('during a drain sends the cursor first, and the client reconnects by itself', async () => {
    const socket = server.connect({ reconnectionDelay: 20 });
    await next(socket, 'connected');
    server.log.append({});
    const drained = next(socket, 'server_draining');
    const again = next(socket, 'connected');
    server.hub.closeAll('server_draining');
    expect(await drained).toEqual({ reconnectAfterMs: expect.any(Number), cursor: since(1) });
    await again;
  });

  it('during a replay ends the replay and frees all its subscriptions', async () => {
    server.log.append(...Array.from({ length: 5_000 }, () => ({})));
    const socket = server.connect();
    await next(socket, 'connected');
    socket.emit('subscribe', { type: 'tvl_changes', since: since(0) });
    await next(socket, 'tvl_change');
    socket.disconnect();
    await waitFor(() => server.hub.sessions.size === 0 && server.allowance.open.size === 0);
    expect(server.hub.subscriptionCount).toBe(0);
    expect(server.hub.groupCount).toBe(0);
  });

  it('during the handshake leaves no connection counted', async () => {
    const target = new URL(server.url);
    const gone = Array.from({ length: 20 }, (_, i) => {
      const raw = new WebSocket(`ws://${target.host}/socket.io/?EIO=4&transport=websocket`);
      raw.on('error', () => {});
      raw.on('open', () => {
        raw.send(`40/v1/realtime,${JSON.stringify({ apiKey: KEY })}`);
        if (i % 2) raw.terminate();
        else setImmediate(() => raw.terminate());
      });
      return raw;
    });
    const silent = connectTcp(Number(target.port), target.hostname);
    await waitFor(() => gone.every(({ readyState }) => readyState === WebSocket.CLOSED));
    // A later client is served when the server has read all that came before.
    const later = server.connect();
    await next(later, 'connected');
    later.disconnect();
    await waitFor(() => server.allowance.open.size === 0);
    expect(server.hub.sessions.size).toBe(0);
    silent.destroy();
  });
});

describe('slow readers', () => {
  it('are disconnected, while other clients receive every event', async () => {
    const fast = server.connect({ transports: ['websocket'] });
    let received = 0;
    fast.on('tvl_change', () => received++);
    await fast.emitWithAck('subscribe', { type: 'tvl_changes' });
    const raw = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    raw.on('error', () => {});
    raw.on('open', () => raw.send(`40/v1/realtime,${JSON.stringify({ apiKey: KEY })}`));
    await waitFor(() => server.hub.sessions.size === 2);
    raw.send('42/v1/realtime,["subscribe",{"type":"tvl_changes"}]');
    await waitFor(() => server.hub.subscriptionCount === 2);
    raw.pause();
    let now = Date.now();
    let sent = 0;
    await waitFor(
      () => {
        server.hub.tick((now += 500));
        server.log.append(...Array.from({ length: 500 }, () => ({ name: 'x'.repeat(2_000) })));
        sent += 500;
        return server.hub.sessions.size === 1;
      },
      { timeoutMs: 20_000 },
    );
    raw.terminate();
    await waitFor(() => received >= sent);
    expect(received).toBe(sent);
  });
});
