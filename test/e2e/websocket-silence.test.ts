import { connect as connectTcp, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Clock } from '../../src/platform/clock/clock.js';
import { createTestApp, type TestApp } from '../support/create-test-app.js';
import { PlainClient } from '../support/plain-client.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;
let ahead = 0;

beforeAll(async () => {
  app = await createTestApp();
  const clock = app.nest.get(Clock);
  vi.spyOn(clock, 'now').mockImplementation(() => Date.now() + ahead);
});

afterAll(() => app.close());

/** A peer that upgrades and then never says anything again, not even a pong. */
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

it('a client that shows no key within 10 s is told and closed with 4401', async () => {
  const client = await new PlainClient(`${app.url}/ws`).opened();
  ahead += 9_000;
  client.send({ type: 'ping', id: 'early' });
  expect(await client.next('error')).toMatchObject({ id: 'early', error: { code: 'missing_api_key' } });
  ahead += 3_000;
  expect((await client.closed).code).toBe(4401);
  expect(client.messages.at(-1)).toMatchObject({ type: 'error', error: { code: 'missing_api_key' } });
  expect(client.faults).toEqual([]);
});

it('a half-open peer is asked for a sign of life and then given up; one that answers stays', async () => {
  const key = await app.key();
  const alive = await PlainClient.connect(app.url, key);
  const dead = await mute(`/ws?apiKey=${key}`);
  ahead += 31_000;
  await waitFor(() => dead.pings() === 1);
  await alive.ask({ type: 'ping' }, 'pong');
  ahead += 31_000;
  await waitFor(() => dead.ended());
  expect(await alive.ask({ type: 'ping', id: 'still here' }, 'pong')).toMatchObject({ id: 'still here' });
  await alive.close();
});
