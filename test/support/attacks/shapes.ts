import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { Counter, repeat, type Attack, type Victim } from './attack.js';

async function namespaced({ port, freeKeys }: Victim): Promise<WebSocket> {
  const socket = await opened(new WebSocket(`ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket`));
  if (socket.readyState === WebSocket.OPEN) socket.send(`40/v1/realtime,${JSON.stringify({ apiKey: freeKeys[1] })}`);
  return socket;
}

async function opened(socket: WebSocket): Promise<WebSocket> {
  socket.on('error', () => undefined);
  await Promise.race([once(socket, 'open').catch(() => undefined), sleep(2_000)]);
  return socket;
}

/** Subscriptions to everything, with replays and snapshots: as many as one call may contain. */
const EVERYTHING = Array.from({ length: 100 }, (_, index) => ({
  type: index % 2 === 0 ? 'price_changes' : 'tvl_changes',
  snapshot: true,
  minValue: index,
  since: 'e1-0',
}));

export const SHAPE_ATTACKS: readonly Attack[] = [
  {
    name: 'S26',
    does: 'chunked bodies without end, in chunks of one byte, with a key',
    run: async ({ port, freeKeys }, end) => {
      const counter = new Counter();
      const head = `POST /v1/query/advanced HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${freeKeys[0] ?? ''}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n`;
      await repeat(end, 20, async () => {
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        socket.write(head);
        while (Date.now() < end && !socket.destroyed) {
          socket.write('1\r\n[\r\n'.repeat(2_000));
          await sleep(5);
        }
        counter.note(socket.bytesRead > 0 ? 'answered' : 'cut', true);
        socket.destroy();
      });
      return counter;
    },
  },
  {
    name: 'S27',
    does: 'a hundred subscriptions in one call, each with a snapshot of everything and the whole past',
    run: async (victim, end) => {
      const counter = new Counter();
      await repeat(end, 2, async () => {
        const socket = await namespaced(victim);
        socket.on('message', () => counter.note('message', false));
        for (let call = 0; call < 4 && socket.readyState === WebSocket.OPEN; call += 1) {
          socket.send(`42/v1/realtime,${call}${JSON.stringify(['subscribe', EVERYTHING])}`);
        }
        await Promise.race([once(socket, 'close'), sleep(300)]);
        counter.note('connection', false);
        socket.terminate();
      });
      return counter;
    },
  },
];
