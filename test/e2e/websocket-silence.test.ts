import { connect as connectTcp, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { Clock } from '../../src/platform/clock/clock.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { PlainClient } from '../support/clients/plain-client.js';
import { WebSocketTransport } from '../../src/realtime/transports/websocket/websocket.transport.js';
import { waitFor } from '../support/wait-for.js';

let app: TestApp;

beforeAll(async () => {
  app = await createTestApp();
});

afterAll(() => app.close());

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
