import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import type { Session } from '../../../src/realtime/core/session/session.js';
import { KEY, next, startSocketIoServer, type SocketIoServer } from '../../support/servers/socketio-server.js';
import { waitFor } from '../../support/wait-for.js';

const SOFT_MARK = 256 * 1024;
/** Extends an event to about 50 KB, so that the network's buffers fill quickly. */
const name = 'x'.repeat(50_000);
const PER_BEAT = 20;

let server: SocketIoServer;
let slowSocket: WebSocket | undefined;
const start = (hardMarkBytes: number) =>
  startSocketIoServer({ limits: { softMarkBytes: SOFT_MARK, hardMarkBytes, slowGraceMs: 10_000 } });
beforeEach(async () => {
  server = await start(Infinity);
});
afterEach(async () => {
  slowSocket?.terminate();
  await server.close();
});

/** Connects a Socket.IO client that can stop reading; `received`: messages that reached it, by name. */
async function stallingClient(): Promise<{ socket: WebSocket; session: Session; received: [string, unknown][] }> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
  slowSocket = socket;
  const received: [string, unknown][] = [];
  const id = await new Promise<string>((resolve, reject) => {
    let sid = '';
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      const text = data.toString();
      if (text.startsWith('0{')) socket.send(`40/v1/realtime,${JSON.stringify({ apiKey: KEY })}`);
      const [, connected] = /^40\/v1\/realtime,(.*)/.exec(text) ?? [];
      if (connected) {
        socket.send('42/v1/realtime,1["subscribe",{"type":"tvl_changes"}]');
        ({ sid } = JSON.parse(connected) as { sid: string });
      }
      const [, packet] = /^42\/v1\/realtime,(.*)/s.exec(text) ?? [];
      if (packet) received.push(JSON.parse(packet) as [string, unknown]);
      if (text.startsWith('43')) resolve(sid);
    });
  });
  const session = server.hub.sessions.get(id);
  if (!session) throw new Error(`no session ${id}`);
  return { socket, session, received };
}

it('a client that reads nothing is switched to `latest`, then closed; other clients are unaffected', async () => {
  const slow = await stallingClient();
  const other = server.connect();
  const cursors: string[] = [];
  other.on('tvl_change', ({ cursor }: { cursor: string }) => cursors.push(cursor));
  await next(other, 'connected');
  await other.emitWithAck('subscribe', { type: 'tvl_changes' });
  slow.socket.pause();

  let now = Date.now();
  let mostWaiting = 0;
  const round = async () => {
    server.log.append(...Array.from({ length: PER_BEAT }, (_, n) => ({ name, protocol: `p${n}` })));
    // The other clients keep reading: a burst that the network accepts is not slowness.
    await waitFor(() => cursors.length === server.log.position);
    await nextTurn();
    mostWaiting = Math.max(mostWaiting, slow.session.link.bufferedBytes());
    server.hub.tick((now += 100));
  };
  while (slow.session.mode === 'all') await round();
  const atSwitch = server.log.position;
  const waitingAtSwitch = slow.session.link.bufferedBytes();
  for (let n = 0; n < 20; n++) await round();
  expect(slow.session.ended).toBe(false);
  // No event was added in the meantime, although many were published; a heartbeat may have been added.
  expect(slow.session.link.bufferedBytes()).toBeLessThan(waitingAtSwitch + name.length);
  expect(mostWaiting).toBeLessThan(SOFT_MARK + 2 * PER_BEAT * 60_000);

  server.hub.tick(now + 10_000);
  expect(slow.session.ended).toBe(true);
  slow.socket.resume();
  await waitFor(() => slow.socket.readyState === WebSocket.CLOSED);
  // The client may have been disconnected before it read everything, but what it received has no gaps.
  const got = slow.received.flatMap(([event, body]) =>
    event === 'tvl_change' ? (body as { cursor: string }).cursor : [],
  );
  expect(got).toEqual(cursors.slice(0, got.length));
  expect(got.length).toBeLessThanOrEqual(atSwitch);
  expect(cursors).toHaveLength(server.log.position);
  expect(other.connected).toBe(true);
});

it('a client that sends requests without reading the answers is closed', async () => {
  const { socket, session } = await stallingClient();
  const protocols = Array.from({ length: 500 }, (_, n) => `${n}`.padEnd(100, 'x'));
  await session.subscribe([{ type: 'tvl_changes', filter: { protocols } }]);
  socket.pause();
  let now = Date.now();
  for (let rounds = 0; rounds < 200 && !session.ended; rounds++) {
    for (let count = 0; count < 10; count++) socket.send('42/v1/realtime,2["subscriptions"]');
    await nextTurn();
    await nextTurn();
    server.hub.tick((now += 100));
  }
  expect(session.ended).toBe(true);
});

it('answers beyond the hard mark wait until the client reads', async () => {
  await server.close();
  server = await start(4 * SOFT_MARK);
  const { socket, session, received } = await stallingClient();
  const protocols = Array.from({ length: 500 }, (_, n) => `${n}`.padEnd(100, 'x'));
  await session.subscribe([{ type: 'tvl_changes', filter: { protocols } }]);
  socket.pause();
  const asked = 400;
  for (let count = 0; count < asked; count++) socket.send('42/v1/realtime,["subscriptions"]');
  let most = 0;
  for (let turn = 0; turn < 50; turn++) {
    await sleep(10);
    most = Math.max(most, session.link.bufferedBytes());
  }
  expect(most).toBeGreaterThan(4 * SOFT_MARK);
  expect(most).toBeLessThan(6 * SOFT_MARK);
  socket.resume();
  await waitFor(() => received.filter(([name]) => name === 'subscriptions').length === asked);
});
