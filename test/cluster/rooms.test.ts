import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { RedisConnections } from '../../src/platform/redis/redis-connections.js';
import { CONNECTION_NAME } from '../../src/platform/redis/redis-options.js';
import { parseSettings } from '../../src/platform/settings/settings.js';
import { redisRooms } from '../../src/realtime/transports/socketio/redis-rooms.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { startRedisCluster, type TestRedis } from '../support/servers/redis-server.js';
import { createTestDatabase, type TestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

const KEY_PREFIX = `${randomUUID()}:`;
const NAMESPACE = '/v1/realtime';
const ROOMS_SPAN = { what: 'rooms that span the processes', timeoutMs: 30_000 };

let db: TestDatabase;
let here: TestApp;
let there: TestApp;

beforeAll(async () => {
  db = await createTestDatabase();
  here = await createTestApp({ db, settings: { KEY_PREFIX, POD_ID: 'here' } });
  there = await createTestApp({ db, settings: { KEY_PREFIX, POD_ID: 'there' } });
});

afterAll(async () => {
  await there?.close();
  await here?.close();
  await db?.drop();
});

/** Another Socket.IO server on the same Redis, like a tool of an operator; its own clients are in `room`. */
async function serverOn(redisUrl: string, prefix: string) {
  const settings = parseSettings({ REDIS_URL: redisUrl, KEY_PREFIX: prefix });
  const connections = await RedisConnections.open(settings, new Metrics());
  const http = createServer();
  const server = new Server(http, { adapter: redisRooms(connections) });
  const rooms = server.of(NAMESPACE).on('connection', (socket) => void socket.join('room'));
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(http.address() as AddressInfo).port}`,
    rooms,
    connections,
    close: async () => {
      await server.close();
      connections.onApplicationShutdown();
    },
  };
}
type RoomServer = Awaited<ReturnType<typeof serverOn>>;

async function clientOf({ url }: { url: string }, apiKey?: string): Promise<{ socket: Socket; heard: string[] }> {
  const socket = io(url + NAMESPACE, { auth: { apiKey }, forceNew: true, reconnection: false });
  const heard: string[] = [];
  socket.on('system_announcement', ({ message }: { message: string }) => heard.push(message));
  await waitFor(() => socket.connected);
  return { socket, heard };
}

test('any process on a Redis Cluster can list, message and disconnect the sockets of a Socket.IO room', async () => {
  const key = await here.key({ userId: 'roomy' });
  const third = await serverOn(inject('redisUrl') ?? '', KEY_PREFIX);
  const clients = await Promise.all([clientOf(here, key), clientOf(there, key)]);
  const stranger = await clientOf(there, await here.key({ userId: 'stranger' }));
  try {
    await waitFor(async () => (await third.rooms.adapter.serverCount()) === 3, ROOMS_SPAN);
    const found = await waitFor(() => third.rooms.in('user:roomy').fetchSockets(), ROOMS_SPAN);
    expect(new Set(found.map(({ id }) => id))).toEqual(new Set(clients.map(({ socket }) => socket.id)));
    expect(JSON.stringify(found.map(({ handshake, data }) => [handshake, data as object]))).not.toContain(key);
    third.rooms.to('user:roomy').emit('system_announcement', { message: 'hello', timestamp: '' });
    await waitFor(() => clients.every(({ heard }) => heard.length > 0));
    third.rooms.in('user:roomy').disconnectSockets(true);
    await waitFor(() => clients.every(({ socket }) => !socket.connected));
    expect(clients.map(({ heard }) => heard)).toEqual([['hello'], ['hello']]);
    expect([stranger.socket.connected, stranger.heard]).toEqual([true, []]);
  } finally {
    for (const { socket } of [...clients, stranger]) socket.disconnect();
    await third.close();
  }
});

const CHANNEL = `{pods}:socket.io#${NAMESPACE}#`;

/** Returns the node whose clients receive the channel of the rooms. */
async function nodeOfRooms(nodes: readonly TestRedis[]): Promise<TestRedis> {
  const slot = Number(await nodes[0]?.call('CLUSTER', 'KEYSLOT', CHANNEL));
  for (const node of nodes) {
    const mine = String(await node.call('CLUSTER', 'NODES')).match(/myself.*connected (.*)/)?.[1] ?? '';
    const ranges = mine.split(' ').map((range) => range.split('-').map(Number));
    if (ranges.some(([from = NaN, to = from]) => from <= slot && slot <= to)) return node;
  }
  throw new Error(`nobody has slot ${slot}`);
}

/** Moves the slot of the rooms, which contains no keys. */
async function moveSlotOfRooms(nodes: readonly TestRedis[]): Promise<void> {
  const from = await nodeOfRooms(nodes);
  const [to] = nodes.filter((node) => node !== from);
  const slot = String(await from.call('CLUSTER', 'KEYSLOT', CHANNEL));
  const id = String(await to?.call('CLUSTER', 'MYID'));
  for (const node of [to, from, ...nodes]) await node?.call('CLUSTER', 'SETSLOT', slot, 'NODE', id);
}

test(
  'Socket.IO rooms span all processes after a late start of Redis, an outage, a node restart and a moved slot',
  { timeout: 240_000 },
  async () => {
    const cluster = await startRedisCluster();
    const ending: (() => Promise<unknown>)[] = [() => cluster.close()];
    const open = async (): Promise<RoomServer> => {
      const server = await serverOn(cluster.url, '');
      ending.push(server.close);
      return server;
    };
    const each = (change: (node: TestRedis) => Promise<void>) => Promise.all(cluster.nodes.map(change));
    let said = 0;
    try {
      await each((node) => node.stop());
      const early = await open();
      const client = await clientOf(early);
      ending.push(() => Promise.resolve(client.socket.disconnect()));
      await each((node) => node.start());
      await waitFor(() => early.connections.clustered && early.connections.state === 'up', ROOMS_SPAN);
      const late = await open();

      const span = async (): Promise<void> => {
        for (const [one, other] of [[late, early] as const, [early, late] as const]) {
          await waitFor(async () => (await one.rooms.adapter.serverCount()) === 2, ROOMS_SPAN);
          const found = await waitFor(() => one.rooms.in('room').fetchSockets(), ROOMS_SPAN);
          expect(found.map(({ id }) => id)).toEqual([client.socket.id]);
          const message = `message ${++said}`;
          const announced = new Promise((resolve) => other.rooms.once('announced', resolve));
          one.rooms.serverSideEmit('announced', message);
          expect(await announced).toBe(message);
        }
        late.rooms.to('room').emit('system_announcement', { message: `message ${++said}` });
        await waitFor(() => client.heard.includes(`message ${said}`));
      };
      await span();

      await each((node) => node.stop());
      await waitFor(() => [early, late].every(({ connections }) => connections.state === 'unavailable'), ROOMS_SPAN);
      await each((node) => node.start());
      await span();

      const node = await nodeOfRooms(cluster.nodes);
      await node.restart();
      await span();

      await moveSlotOfRooms(cluster.nodes);
      expect(await nodeOfRooms(cluster.nodes)).not.toBe(node);
      await span();

      late.rooms.in('room').disconnectSockets(true);
      await waitFor(() => !client.socket.connected);
      expect(client.heard).toEqual([...new Set(client.heard)]);
      for (const end of ending.splice(1).toReversed()) await end();
      const clientsOf = async (one: TestRedis): Promise<string> => String(await one.call('CLIENT', 'LIST'));
      await waitFor(async () => !(await Promise.all(cluster.nodes.map(clientsOf))).join().includes(CONNECTION_NAME));
    } finally {
      for (const end of ending.toReversed()) await end();
    }
  },
);
