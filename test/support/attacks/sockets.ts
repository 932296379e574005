import { connect } from 'node:net';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Counter, repeat, type Attack, type Victim } from './attack.js';

const engine = ({ port }: Victim): WebSocket =>
  new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`);

/** Sends the frames as fast as the connection accepts them; `reads`: whether it reads the answers. */
async function flood(socket: WebSocket, end: number, frame: string | undefined, reads: boolean): Promise<number> {
  let sent = 0;
  socket.on('error', () => undefined);
  if (socket.readyState === WebSocket.CONNECTING) {
    await Promise.race([once(socket, 'open').catch(() => undefined), sleep(2_000)]);
  }
  if (!reads) socket.pause();
  while (Date.now() < end && socket.readyState === WebSocket.OPEN) {
    for (let n = 0; n < 200 && socket.bufferedAmount < 1_000_000; n += 1, sent += 1) {
      if (frame === undefined) socket.ping(Buffer.alloc(120), true);
      else socket.send(frame);
    }
    await sleep(1);
  }
  return sent;
}

const UPGRADE = (): string =>
  `GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString('base64')}\r\n\r\n`;

export const SOCKET_ATTACKS: readonly Attack[] = [
  {
    name: 'S7',
    does: 'Socket.IO connections that send CONNECT packets as fast as they can, without a key, reading nothing',
    run: async (victim, end) => {
      const counter = new Counter();
      await repeat(end, 2, async () => {
        const socket = engine(victim);
        await flood(socket, end, '40/v1/realtime,{}', false);
        const isRefused = socket.readyState !== WebSocket.OPEN;
        counter.note(isRefused ? 'closed' : 'open', isRefused);
        socket.terminate();
      });
      return counter;
    },
  },
  {
    name: 'S11',
    does: '5,000 plain WebSockets within seconds from one address, without a key',
    run: async ({ port }, end) => {
      const counter = new Counter();
      const open: ReturnType<typeof connect>[] = [];
      for (let batch = 0; batch < 100 && Date.now() < end; batch += 1) {
        const made = Array.from({ length: 50 }, () => {
          const socket = connect(port, '127.0.0.1');
          open.push(socket);
          return new Promise<void>((resolve) => {
            socket.once('data', (data) => {
              const status = data.toString('latin1').slice(9, 12);
              counter.note(status, status !== '101');
              resolve();
            });
            socket.once('error', () => {
              counter.note('reset', true);
              resolve();
            });
            socket.once('close', () => resolve());
            socket.write(UPGRADE());
          });
        });
        await Promise.race([Promise.all(made), sleep(500)]);
      }
      for (const socket of open) socket.destroy();
      return counter;
    },
  },
  {
    name: 'S17',
    does: 'pings without end on connections that read no pong',
    run: async (victim, end) => {
      const counter = new Counter();
      const [key = ''] = victim.freeKeys;
      const sockets = [engine(victim), new WebSocket(`ws://127.0.0.1:${victim.port}/ws?apiKey=${key}`)];
      await Promise.all(sockets.map((socket) => flood(socket, end, undefined, false)));
      for (const socket of sockets) {
        const isRefused = socket.readyState !== WebSocket.OPEN;
        counter.note(isRefused ? 'closed' : 'open', isRefused);
        socket.terminate();
      }
      return counter;
    },
  },
];
