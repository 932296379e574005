import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { Server } from 'socket.io';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { RedisConnections } from '../../src/platform/redis/redis-connections.js';
import { parseSettings } from '../../src/platform/settings/settings.js';
import { redisRooms } from '../../src/realtime/transports/socketio/redis-rooms.js';
import { createTestApp, type TestApp } from '../support/create-test-app.js';
import { createTestDatabase, type TestDatabase } from '../support/test-database.js';
import { waitFor } from '../support/wait-for.js';

const KEY_PREFIX = `${randomUUID()}:`;
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

/** Another server of Socket.IO on the same Redis, as a tool of an operator would be. */
async function serverOn(redisUrl: string, prefix: string) {
  const settings = parseSettings({ REDIS_URL: redisUrl, KEY_PREFIX: prefix });
  const connections = await RedisConnections.open(settings, new Metrics());
  const server = new Server(createServer(), { adapter: redisRooms(connections) });
  return {
    rooms: server.of('/v1/realtime'),
    close: async () => {
      await server.close();
      connections.onApplicationShutdown();
    },
  };
}

async function clientOf(app: TestApp, apiKey: string): Promise<{ socket: Socket; heard: string[] }> {
  const socket = io(`${app.url}/v1/realtime`, { auth: { apiKey }, forceNew: true });
  const heard: string[] = [];
  socket.on('system_announcement', ({ message }: { message: string }) => heard.push(message));
  await waitFor(() => socket.connected);
  return { socket, heard };
}

test('rooms of applications on a cluster are found, spoken to and disconnected from anywhere', async () => {
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
