import { setTimeout as sleep } from 'node:timers/promises';
import type { Socket } from 'socket.io-client';
import { afterEach, describe, expect, it } from 'vitest';
import { DomainError } from '../../../src/platform/errors/domain-error.js';
import { formatCursor } from '../../../src/events/index.js';
import { FAREWELLS } from '../../../src/realtime/hub-driver.js';
import { EPOCH } from '../../support/data/log-event.js';
import { seeded } from '../../support/data/recorded-writer.js';
import { next, startSocketIoServer, type SocketIoServer } from '../../support/servers/socketio-server.js';
import { waitFor } from '../../support/wait-for.js';

let server: SocketIoServer;

afterEach(() => server.close());

/** Options for quick reconnects; the library's default delays would only take longer. */
const SOON = { transports: ['websocket'], reconnectionDelay: 60, reconnectionDelayMax: 100 };

interface Body {
  cursor: string;
}

/** Records the cursors of the log's events as they arrive; the cursor is the last argument of each event. */
function follow(socket: Socket): string[] {
  const seen: string[] = [];
  for (const name of ['tvl_change', 'price_change']) {
    socket.on(name, ({ cursor }: Body, last: unknown) => {
      expect(last).toBe(cursor);
      seen.push(cursor);
    });
  }
  return seen;
}

const cut = (socket: Socket): void => void socket.io.engine?.close();
const at = (seq: number): string => formatCursor(EPOCH, seq);
const connections = (): number => server.hub.sessions.size;

describe('a reconnecting Socket.IO client', () => {
  it('gets missed events once and in order after a cut, and a `resumed` message', async () => {
    server = await startSocketIoServer();
    const socket = server.connect(SOON);
    const seen = follow(socket);
    await socket.emitWithAck('subscribe', { type: 'tvl_changes' });
    server.log.append({}, {});
    await waitFor(() => seen.length === 2);
    const resumed = next<{ replayed: number }>(socket, 'resumed');
    cut(socket);
    await waitFor(() => connections() === 0, { everyMs: 1 });
    server.log.append({}, { type: 'price_change', token: 'bitcoin', protocol: null }, {});
    expect(await resumed).toMatchObject({ recovered: true, replayed: 2, subscriptions: [{ id: 's1' }], cursor: at(5) });
    expect(socket.recovered).toBe(true);
    server.log.append({});
    await waitFor(() => seen.length === 5);
    expect(seen).toEqual([1, 2, 3, 5, 6].map(at));
    expect(server.faults).toEqual([]);
  });

  it('gets missed events even if no event came before the cut', async () => {
    server = await startSocketIoServer();
    server.log.append({}, {});
    const socket = server.connect(SOON);
    const seen = follow(socket);
    await socket.emitWithAck('subscribe', { type: 'tvl_changes', mode: 'all' });
    cut(socket);
    await waitFor(() => connections() === 0, { everyMs: 1 });
    server.log.append({}, {});
    await waitFor(() => seen.length === 2);
    expect(seen).toEqual([3, 4].map(at));
  });

  it('has no subscriptions after its own disconnect', async () => {
    server = await startSocketIoServer();
    const socket = server.connect(SOON);
    await socket.emitWithAck('subscribe', { type: 'tvl_changes' });
    socket.disconnect();
    await waitFor(() => connections() === 0, { everyMs: 1 });
    socket.connect();
    await next(socket, 'connected');
    expect(await socket.emitWithAck('subscriptions')).toMatchObject({ subscriptions: [] });
    expect(socket.recovered).toBe(false);
  });

  it('loses and repeats no event over 100 cuts at random moments', async () => {
    server = await startSocketIoServer();
    const random = seeded(20_261_129);
    const socket = server.connect({ ...SOON, reconnectionDelay: 1, reconnectionDelayMax: 5 });
    const seen = follow(socket);
    socket.emit('subscribe', { type: 'tvl_changes' });
    socket.emit('subscribe', { type: 'price_changes' });
    await waitFor(() => server.hub.subscriptionCount === 2);
    for (let round = 0; round < 100; round += 1) {
      const price = { type: 'price_change', token: 'bitcoin', protocol: null, chain: null } as const;
      server.log.append(...Array.from({ length: 40 }, () => (random() < 0.5 ? price : {})));
      if (random() < 0.5) await sleep(random() * 12);
      cut(socket);
      // A connection that does not exist yet cannot be cut.
      await waitFor(() => socket.connected, { everyMs: 1 });
    }
    await waitFor(() => seen.at(-1) === at(4_000), { timeoutMs: 20_000 });
    expect(seen).toEqual(Array.from({ length: 4_000 }, (_, index) => at(index + 1)));
  }, 60_000);
});

describe('a replay after a cut', () => {
  it('continues after the replayed events once the subscription was answered', async () => {
    server = await startSocketIoServer();
    server.log.append({}, {}, {});
    const socket = server.connect(SOON);
    const seen = follow(socket);
    await socket.emitWithAck('subscribe', { type: 'price_changes' });
    const heartbeat = next(socket, 'heartbeat');
    await socket.emitWithAck('subscribe', { type: 'tvl_changes', since: at(1) });
    await heartbeat;
    cut(socket);
    await next(socket, 'resumed');
    server.log.append({});
    await waitFor(() => seen.length === 3);
    expect(seen).toEqual([2, 3, 4].map(at));
  });

  it('continues after a second cut, although the client subscribes again with `since` on every connect', async () => {
    server = await startSocketIoServer({ limits: { replayChunk: 2 } });
    const socket = server.connect(SOON);
    const seen = follow(socket);
    await socket.emitWithAck('subscribe', { type: 'tvl_changes' });
    server.log.append({});
    await waitFor(() => seen.length === 1);
    socket.on('connect', () => socket.emit('subscribe', { type: 'tvl_changes', since: seen.at(-1) }));
    cut(socket);
    await waitFor(() => connections() === 0, { everyMs: 1 });
    server.log.append({}, {}, {}, {});
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    server.log.recent = (afterSeq) => (afterSeq === server.log.position ? [] : undefined);
    server.log.pause = () => (server.log.reads < 3 ? Promise.resolve() : released);
    await waitFor(() => seen.length === 4);
    await socket.emitWithAck('ping');
    cut(socket);
    await waitFor(() => connections() === 0, { everyMs: 1 });
    release();
    await next(socket, 'resumed');
    expect(seen).toEqual([1, 2, 3, 4, 5].map(at));
  });

  it('restarts after the position that the client sends as `since`', async () => {
    server = await startSocketIoServer();
    let position: string | undefined;
    const auth = (give: (value: object) => void) =>
      give({ apiKey: 'rta_test_key', ...(position === undefined ? {} : { since: position }) });
    const socket = server.connect({ ...SOON, auth });
    const seen = follow(socket);
    await socket.emitWithAck('subscribe', { type: 'tvl_changes' });
    server.log.append({}, {}, {});
    await waitFor(() => seen.length === 3);
    position = at(1);
    cut(socket);
    await next(socket, 'resumed');
    expect(await socket.emitWithAck('subscribe', { type: 'tvl_changes', since: at(1) })).toMatchObject({
      recovered: true,
      replayed: 0,
    });
    expect(seen).toEqual([1, 2, 3, 2, 3].map(at));
  });
});

describe('a client with an explicit resume token', () => {
  it('gets its subscriptions back, and the events after its cursor', async () => {
    server = await startSocketIoServer();
    const first = server.connect(SOON);
    const { resume } = await next<{ resume: { token: string; forMs: number } }>(first, 'connected');
    expect(resume.forMs).toBe(120_000);
    await first.emitWithAck('subscribe', [{ type: 'tvl_changes', threshold: 0.05 }, { type: 'price_changes' }]);
    first.io.reconnection(false);
    cut(first);
    server.log.append({}, {});
    const second = server.connect({ ...SOON, auth: { apiKey: 'rta_test_key', resume: resume.token, since: at(1) } });
    const seen = follow(second);
    expect(await next(second, 'resumed')).toMatchObject({ replayed: 1, subscriptions: [{ id: 's1' }, { id: 's2' }] });
    expect(seen).toEqual([at(2)]);
  });

  it('gets no subscriptions for an unknown token', async () => {
    server = await startSocketIoServer();
    const auth = { apiKey: 'rta_test_key', resume: 'a'.repeat(24), since: at(0) };
    const socket = server.connect({ ...SOON, auth });
    const { resume } = await next<{ resume: { token: string } }>(socket, 'connected');
    expect(resume.token).not.toBe(auth.resume);
    expect(await socket.emitWithAck('subscriptions')).toMatchObject({ subscriptions: [] });
  });
});

describe('a refused or closed connection', () => {
  it('is retried by the client after a temporary error, but not after a final error', async () => {
    server = await startSocketIoServer();
    server.refuseWith(() => new DomainError('unavailable', 'Keys cannot be checked at the moment.'), 3);
    const socket = server.connect(SOON);
    const errors: string[] = [];
    socket.on('connect_error', ({ message }) => errors.push(message));
    await waitFor(() => socket.connected, { timeoutMs: 10_000 });
    expect(errors).not.toContain('unavailable');
    expect(socket.active).toBe(true);
    const wrong = server.connect({ ...SOON, auth: { apiKey: 'rta_other' } });
    expect((await next<Error>(wrong, 'connect_error')).message).toBe('invalid_api_key');
    expect(wrong.active).toBe(false);
  });

  it.each(['replaced', 'expired', 'slow_consumer', 'server_draining'] as const)(
    'sends the reason %s on both namespaces of a socket, and both reconnect',
    async (reason) => {
      server = await startSocketIoServer();
      const one = server.connect({ ...SOON, forceNew: false }, '/v1/realtime');
      const two = one.io.socket('/v2/realtime', { auth: { apiKey: 'rta_test_key' } });
      await Promise.all([next(one, 'connected'), next(two, 'connected')]);
      const names: string[] = [];
      for (const socket of [one, two]) socket.onAny((name: string) => names.push(name));
      const [session] = server.hub.sessions.all();
      session?.close(reason);
      await Promise.all([next(one, 'connected'), next(two, 'connected')]);
      const announced = reason === 'replaced' || reason === 'expired' ? 'error' : reason;
      expect(names.filter((name) => name === announced)).toHaveLength(2);
      one.disconnect();
      two.disconnect();
    },
  );

  it('gets the final error `api_key_expired` when its key expires', async () => {
    server = await startSocketIoServer();
    const socket = server.connect(SOON);
    await next(socket, 'connected');
    const [error, reason] = [next(socket, 'error'), next<string>(socket, 'disconnect')];
    server.hub.endKey('key-1', ...FAREWELLS.expired);
    expect(await error).toMatchObject({ code: 'api_key_expired', retryable: false });
    expect(await reason).toBe('io server disconnect');
  });

  it('leaves the other namespace connected if one namespace is closed for good', async () => {
    server = await startSocketIoServer();
    const one = server.connect({ ...SOON, forceNew: false }, '/v1/realtime');
    const two = one.io.socket('/v2/realtime', { auth: { apiKey: 'rta_test_key' } });
    await Promise.all([next(one, 'connected'), next(two, 'connected')]);
    const ended = next<string>(one, 'disconnect');
    server.hub.sessions.get(one.id ?? '')?.close('revoked');
    expect(await ended).toBe('io server disconnect');
    expect(await two.emitWithAck('ping')).toMatchObject({ ok: true });
    two.disconnect();
  });
});
