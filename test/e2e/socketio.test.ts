import { readFile } from 'node:fs/promises';
import { io, type Socket } from 'socket.io-client';
import { afterAll, afterEach, assert, beforeAll, describe, expect, it } from 'vitest';
import { faultsOf } from '../support/oracles/asyncapi-validator.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { next } from '../support/servers/socketio-server.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let market: MarketWriter;
let apiKey: string;
const open: Socket[] = [];
/** Received frames that violate the AsyncAPI document. */
const faults: string[] = [];

beforeAll(async () => {
  app = await createTestApp();
  market = new MarketWriter(app.db.pool);
  apiKey = await app.key();
});

afterEach(() => {
  for (const socket of open.splice(0)) socket.disconnect();
  assert.deepEqual(faults.splice(0), []);
});

afterAll(async () => {
  await app?.close();
});

/** Connects as documented: with the library's defaults, that is polling first, then an upgrade. */
function connect(path = '/v1/realtime'): Socket {
  const socket = io(`${app.url}${path}`, { auth: { apiKey }, forceNew: true });
  socket.onAny((name: string, body: unknown) => faults.push(...faultsOf('socketio', name, body)));
  open.push(socket);
  return socket;
}

/** Writes by plain SQL; each value is a separate transaction. */
async function write(protocol: string, chain: string, ...tvls: number[]): Promise<void> {
  await market.protocol(protocol);
  for (const tvl of tvls) await market.tvl(protocol, chain, tvl);
}

type TvlChange = { protocol: string; currentTvl: number; previousTvl: number; changePercent: number; cursor: string };

/** Collects all events of one protocol that a socket receives. */
function follow(socket: Socket, protocol: string): TvlChange[] {
  const seen: TvlChange[] = [];
  socket.on('tvl_change', (event: TvlChange) => {
    if (event.protocol === protocol) seen.push(event);
  });
  return seen;
}

describe('the Socket.IO examples of the specification', () => {
  it.each(['/v1/realtime', '/v2/realtime'])(
    'receive on %s a TVL change written with SQL, starting with polling',
    async (path) => {
      const protocol = `uniswap-v3${path.slice(1, 3)}`;
      await write(protocol, 'ethereum', 2500);
      const socket = connect(path);
      socket.emit('subscribe', { type: 'protocol', protocol, chain: 'ethereum' });
      socket.emit('subscribe', { type: 'tvl_changes', threshold: 0.05 });
      await waitFor(() => socket.io.engine?.transport.name === 'websocket');
      await waitFor(async () => (await socket.emitWithAck('subscriptions')).subscriptions.length === 2);
      const seen = follow(socket, protocol);
      await market.tvl(protocol, 'ethereum', 2_750);
      await waitFor(() => seen.length > 0);
      expect(seen).toEqual([
        expect.objectContaining({
          eventType: 'tvl_change',
          protocol,
          chain: 'ethereum',
          previousTvl: 2500,
          currentTvl: 2750,
          changePercent: 10,
          changeAbsolute: 250,
          protocolTvl: 2750,
          timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT[\d:.]{12}Z$/),
          eventId: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-7/),
        }),
      ]);
      socket.emit('unsubscribe', { type: 'protocol', protocol });
      expect(await next(socket, 'unsubscribed')).toMatchObject({ removed: [{ type: 'protocol' }] });
    },
  );

  it('receive a price change', async () => {
    const socket = connect();
    const price = next(socket, 'price_change');
    await socket.emitWithAck('subscribe', { type: 'price_changes', token: 'bitcoin' });
    for (const value of [67_000, 68_000]) await market.price('bitcoin', value, { symbol: 'BTC' });
    expect(await price).toMatchObject({ token: 'bitcoin', symbol: 'BTC', previousPrice: 67_000, currentPrice: 68_000 });
  });
});

describe('the first Socket.IO example of the README', () => {
  it('misses no event after a disconnect, even if its session has expired', async () => {
    const readme = await readFile(new URL('../../README.md', import.meta.url), 'utf8');
    const printed = /```js\nimport \{ io \} from 'socket.io-client';\n(.*?)```/s.exec(readme)?.[1] ?? '';
    const code = printed.replace('http://localhost:8080', app.url).replace('rta_…', apiKey);
    await write('aave-v3', 'ethereum', 1_000);
    const lines: unknown[][] = [];
    // oxlint-disable-next-line typescript/no-implied-eval -- runs the code in the README
    const run = new Function('io', 'console', `${code}; return socket;`) as (...parts: unknown[]) => Socket;
    const socket = run(io, { log: (...parts: unknown[]) => lines.push(parts) });
    open.push(socket);
    await waitFor(
      async () =>
        (
          await socket
            .timeout(500)
            .emitWithAck('subscriptions')
            .catch(() => ({ subscriptions: [] }))
        ).subscriptions.length === 2,
    );
    await write('aave-v3', 'ethereum', 1_100);
    await waitFor(() => lines.length === 1);
    socket.io.engine?.close();
    await write('aave-v3', 'ethereum', 1_210);
    await waitFor(() => lines.length === 2);
    await waitFor(() => socket.connected);
    const gone = new Promise((resolve) => socket.once('disconnect', resolve));
    socket.io.reconnectionDelay(1_000);
    socket.io.engine?.close();
    await gone;
    await waitFor(
      async () => (await app.db.pool.query('SELECT FROM realtime_sessions WHERE ends_at > now()')).rowCount === 1,
    );
    await app.db.pool.query("UPDATE realtime_sessions SET ends_at = now() - interval '1 s'");
    await write('aave-v3', 'ethereum', 1_331);
    await waitFor(() => lines.length === 3);
    await write('aave-v3', 'ethereum', 1_500);
    await waitFor(() => lines.length === 4);
    expect(lines.map(([protocol, percent]) => [protocol, Math.round(Number(percent))])).toEqual([
      ['aave-v3', 10],
      ['aave-v3', 10],
      ['aave-v3', 10],
      ['aave-v3', 13],
    ]);
  });
});

describe('thresholds', () => {
  it('of 5 % trigger four times in a fall of 20 % by 1 % steps, live and in a replay', async () => {
    const protocol = 'sliding';
    await write(protocol, 'ethereum', 1_000);
    const socket = connect();
    const live = follow(socket, protocol);
    const { cursor } = await socket.emitWithAck('subscribe', { type: 'tvl_changes', threshold: 0.05 });
    const all = connect();
    const every = follow(all, protocol);
    await all.emitWithAck('subscribe', { type: 'protocol', protocol });
    const slide = Array.from({ length: 22 }, (_, step) => 1_000 * 0.99 ** (step + 1));
    await write(protocol, 'ethereum', ...slide);
    await waitFor(() => every.length === 22);
    await waitFor(() => live.length === 4);
    const again = connect();
    const replayed = follow(again, protocol);
    const answer = await again.emitWithAck('subscribe', { type: 'tvl_changes', threshold: 0.05, since: cursor });
    expect(answer).toMatchObject({ ok: true, recovered: true, replayed: 4 });
    expect(replayed).toEqual(live);
  });
});

describe('snapshots', () => {
  it('contain the published values and are continued by change events', async () => {
    await write('snapped', 'ethereum', 100, 200);
    await write('snapped', 'base', 50);
    const socket = connect();
    const seen = follow(socket, 'snapped');
    const snapshot = next(socket, 'snapshot');
    const ready = await waitFor(async () => (await fetch(`${app.url}/health/ready`)).ok);
    expect(ready).toBe(true);
    const answer = await socket.emitWithAck('subscribe', { type: 'protocol', protocol: 'snapped', snapshot: true });
    expect(answer).toMatchObject({ ok: true, snapshot: { parts: 1 } });
    const { items } = (await snapshot) as { items: { chain: string; tvl: number }[] };
    await write('snapped', 'ethereum', 400);
    await waitFor(() => seen.some(({ currentTvl }) => currentTvl === 400));
    const known = new Map(items.map(({ chain, tvl }) => [chain, tvl]));
    for (const { previousTvl, currentTvl } of seen) {
      expect(known.get('ethereum')).toBe(previousTvl);
      known.set('ethereum', currentTvl);
    }
  });
});

describe('access of Socket.IO clients', () => {
  it('ends with a disconnect when the key is revoked', async () => {
    const created = await fetch(`${app.url}/v1/admin/api-keys`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ userId: 'leaver', role: 'reader', tier: 'free' }),
    });
    const { id, key } = (await created.json()) as { id: string; key: string };
    const socket = io(`${app.url}/v1/realtime`, { auth: { apiKey: key }, forceNew: true });
    open.push(socket);
    await next(socket, 'connected');
    const ended = next<string>(socket, 'disconnect');
    await fetch(`${app.url}/v1/admin/api-keys/${id}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${app.adminKey}` },
    });
    expect(await ended).toBe('io server disconnect');
    const refused = io(`${app.url}/v1/realtime`, { auth: { apiKey: key }, forceNew: true });
    open.push(refused);
    expect((await next<Error>(refused, 'connect_error')).message).toBe('invalid_api_key');
  });

  it('is limited to five connections on the free tier, plus one that resumes with `since`', async () => {
    const key = await app.key({ tier: 'free', userId: 'limited' });
    const connectAs = (auth: object) => {
      const socket = io(`${app.url}/v1/realtime`, {
        auth: { apiKey: key, ...auth },
        forceNew: true,
        reconnection: false,
      });
      open.push(socket);
      return socket;
    };
    for (let i = 0; i < 5; i++) await next(connectAs({}), 'connected');
    const error = await next<Error & { data: unknown }>(connectAs({}), 'connect_error');
    expect(error.data).toMatchObject({ code: 'connection_limit', retryable: false });
    await next(connectAs({ since: 'x-00000000001' }), 'connected');
  });
});

describe('metrics of Socket.IO clients', () => {
  it('include connections, subscriptions, routed events and delivery latency', async () => {
    const socket = connect();
    await socket.emitWithAck('subscribe', { type: 'protocol', protocol: 'metered' });
    const seen = follow(socket, 'metered');
    await write('metered', 'ethereum', 1, 2);
    await waitFor(() => seen.length === 1);
    const metrics = async () => (await fetch(`${app.url}/metrics`)).text();
    const text = await waitFor(async () => {
      const shown = await metrics();
      return shown.includes('ws_connections{transport="socketio"} 1') && shown;
    });
    for (const name of [
      'ws_connections{transport="socketio"} 1',
      'ws_subscription_count 1',
      'ws_filter_groups 1',
      'ws_event_routed_total',
      'ws_event_filtered_total',
      'ws_listener_status',
      'event_commit_to_delivery_seconds_count',
    ]) {
      expect(text).toContain(name);
    }
  });
});
