/**
 * Process that sends the same messages to all its clients at maximum speed, through the product's delivery or a peer's.
 */
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:http';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { Server } from 'socket.io';
import { WebSocket, WebSocketServer } from 'ws';
import {
  FILLING,
  MESSAGE_BYTES,
  messageOf,
  type FanoutKind,
  type FanoutTask,
  type PublishCommand,
  type PublishedAnswer,
} from './fanout-messages.js';
import { startHubServer } from './hub-server.js';

/** Maximum number of unsent bytes of the slowest client, above which the publisher waits. */
const ROOM_BYTES = 128 * 1024;
/** Number of events between two checks of the unsent bytes. */
const LOOK_EVERY = 100;

interface Publisher {
  readonly port: number;
  publish(count: number): void;
  /** Returns the unsent bytes of the slowest client. */
  waiting(): number;
}

async function product(env: Readonly<Record<string, string>> | undefined): Promise<Publisher> {
  const server = await startHubServer(env);
  return {
    port: server.port,
    publish: (count) => server.publish(Array.from({ length: count }, () => ({ data: FILLING }))),
    waiting: () => Math.max(0, ...server.hub.sessions.all().map(({ link }) => link.bufferedBytes())),
  };
}

async function socketIo(): Promise<Publisher> {
  const http = createServer();
  const io = new Server(http, { perMessageDeflate: false });
  io.on('connection', (socket) => void socket.join('stream'));
  let sent = 0;
  return {
    port: await listen(http),
    publish: (count) => {
      for (let n = 0; n < count; n += 1) io.to('stream').emit('governance', messageOf(++sent));
    },
    waiting: () =>
      Math.max(
        0,
        ...[...io.sockets.sockets.values()].map(({ conn }) => {
          const { writeBuffer } = conn as unknown as { writeBuffer: unknown[] };
          return writeBuffer.length * MESSAGE_BYTES;
        }),
      ),
  };
}

async function plainWs(): Promise<Publisher> {
  const http = createServer();
  const server = new WebSocketServer({ server: http, perMessageDeflate: false });
  server.on('connection', (socket) => socket.send('{"type":"connected"}'));
  let sent = 0;
  return {
    port: await listen(http),
    publish: (count) => {
      for (let n = 0; n < count; n += 1) {
        const text = `{"type":"governance","data":${JSON.stringify(messageOf(++sent))}}`;
        for (const client of server.clients) if (client.readyState === WebSocket.OPEN) client.send(text);
      }
    },
    waiting: () => Math.max(0, ...[...server.clients].map(({ bufferedAmount }) => bufferedAmount)),
  };
}

async function listen(http: ReturnType<typeof createServer>): Promise<number> {
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  return (http.address() as AddressInfo).port;
}

const KINDS: Readonly<Record<FanoutKind, (env: FanoutTask['env']) => Promise<Publisher>>> = {
  'defi-realtime': product,
  'socket.io': socketIo,
  ws: plainWs,
};

async function carryOut(publisher: Publisher, { events, perTurn }: PublishCommand): Promise<number> {
  const before = process.cpuUsage();
  for (let sent = 0, count = 0; sent < events; sent += count) {
    count = Math.min(perTurn, events - sent);
    publisher.publish(count);
    await nextTurn();
    if ((sent + count) % LOOK_EVERY < count) while (publisher.waiting() > ROOM_BYTES) await sleep(1);
  }
  while (publisher.waiting() > 0) await sleep(1);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}

process.once('message', (task: FanoutTask) => {
  void (async () => {
    const publisher = await KINDS[task.kind](task.env);
    process.on('message', (command: PublishCommand) => void answer(publisher, command));
    process.send?.({ type: 'ready', port: publisher.port });
  })();
});

async function answer(publisher: Publisher, command: PublishCommand): Promise<void> {
  const cpu = await carryOut(publisher, command);
  process.send?.({ type: 'published', cpu } satisfies PublishedAnswer);
}
