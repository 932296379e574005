import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { Manager, type Socket } from 'socket.io-client';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { WebSocket, WebSocketServer } from 'ws';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { EncodedEvent, type DeliveredEvent } from '../../../src/realtime/core/wire/encoded-event.js';
import { sseBlock, sseMessage } from '../../../src/realtime/core/wire/sse.js';
import { PlainOutlet } from '../../../src/realtime/transports/sending/socket-internals.js';
import { SseLink } from '../../../src/realtime/transports/sse/sse-link.js';
import { WebSocketLink } from '../../../src/realtime/transports/websocket/websocket-link.js';
import { WriteBatches } from '../../../src/realtime/transports/sending/write-batches.js';
import { aTvlChange } from '../../support/data/log-event.js';
import { KEY, startSocketIoServer, type SocketIoServer } from '../../support/servers/socketio-server.js';
import { waitFor } from '../../support/wait-for.js';

const settings = (flushMs: string) =>
  parseSettings({ DATABASE_URL: 'postgres://unused', SECRETS_KEY: 'a key that only tests use', FLUSH_MS: flushMs });

/** Steps: what is sent, and to which connections. */
const STEPS = fc.array(
  fc.record({
    kind: fc.constantFrom('event', 'event', 'event', 'message', 'answer', 'ping', 'turn'),
    to: fc.uniqueArray(fc.nat(4), { minLength: 1 }),
    names: fc.constantFrom(['tvl'], ['events:tvl'], ['tvl', 'events:tvl']),
  }),
  { maxLength: 40 },
);

describe.each([
  { frames: true, flushMs: '0' },
  { frames: true, flushMs: '5' },
  { frames: false, flushMs: '0' },
])('WebSocket writes with prepared frames $frames and FLUSH_MS $flushMs', ({ frames, flushMs }) => {
  const http = createServer();
  const server = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  beforeEach(async () => {
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
  });
  afterEach(async () => {
    http.removeAllListeners('upgrade');
    http.close();
    await once(http, 'close');
  });

  async function connect(batches: WriteBatches): Promise<{ link: WebSocketLink; socket: WebSocket; got: string[] }> {
    const made = new Promise<{ link: WebSocketLink; socket: WebSocket }>((resolve) => {
      http.once('upgrade', (request, stream: Duplex, head) => {
        server.handleUpgrade(request, stream, head, (socket) => {
          const outlet = new PlainOutlet(socket, stream, { holds: frames });
          resolve({ link: new WebSocketLink(socket, outlet, batches), socket });
        });
      });
    });
    const client = new WebSocket(`ws://127.0.0.1:${(http.address() as AddressInfo).port}`);
    const got: string[] = [];
    client.on('message', (data: Buffer) => got.push(data.toString()));
    client.on('close', (code) => got.push(`closed ${code}`));
    return { ...(await made), got };
  }

  it('deliver to each connection exactly its own messages in order', async () => {
    await fc.assert(
      fc.asyncProperty(STEPS, async (steps) => {
        const batches = new WriteBatches(settings(flushMs));
        const all: Awaited<ReturnType<typeof connect>>[] = [];
        for (let n = 0; n < 5; n++) all.push(await connect(batches));
        const expected: string[][] = all.map(() => []);
        for (const [seq, { kind, to, names }] of steps.entries()) {
          const event = new EncodedEvent(aTvlChange(seq + 1) as DeliveredEvent);
          for (const n of to) {
            const { link, socket } = all[n] ?? {};
            if (kind === 'event') link?.sendEvent(event, names);
            if (kind === 'message') link?.sendMessage('heartbeat', { cursor: `${seq}` });
            if (kind === 'answer') link?.answer('pong', seq, {});
            if (kind === 'ping') socket?.ping();
            if (kind === 'event') expected[n]?.push(`${event.cursor} ${names.join()}`);
            if (kind === 'message') expected[n]?.push(`${seq}`);
            if (kind === 'answer') expected[n]?.push(`answer ${seq}`);
          }
          if (kind === 'turn') await new Promise((resolve) => setImmediate(resolve));
        }
        for (const [n, { link, got }] of all.entries()) {
          link.close('replaced', 'last');
          await waitFor(() => got.at(-1)?.startsWith('closed') ?? false);
          const messages = got.slice(0, -1).map((text) => JSON.parse(text) as Record<string, unknown>);
          expect(messages.pop()).toMatchObject({ type: 'error', cursor: 'last' });
          expect(messages.map(brief)).toEqual(expected[n]);
        }
      }),
      { numRuns: 8, endOnFailure: true },
    );
  });
});

describe.each(['0', '5'])('event stream writes with FLUSH_MS %s', (flushMs) => {
  it('deliver to each connection exactly its own blocks in order', async () => {
    const batches = new WriteBatches(settings(flushMs));
    const links: SseLink[] = [];
    const http = createServer((_, response) => {
      const link = new SseLink(response, batches);
      links.push(link);
      link.begin();
    });
    http.listen(0, '127.0.0.1');
    await once(http, 'listening');
    try {
      await fc.assert(
        fc.asyncProperty(STEPS, async (steps) => {
          links.length = 0;
          const answers: Promise<string>[] = [];
          for (let n = 0; n < 5; n++) {
            const answer = await fetch(`http://127.0.0.1:${(http.address() as AddressInfo).port}`);
            answers.push(answer.text().then((all) => all.replace(/^retry: \d+\n\n/, '')));
          }
          const expected: string[][] = links.map(() => []);
          for (const [seq, { kind, to }] of steps.entries()) {
            const event = new EncodedEvent(aTvlChange(seq + 1) as DeliveredEvent);
            for (const n of to) {
              if (kind === 'event') links[n]?.sendEvent(event, []);
              if (kind === 'message') links[n]?.sendMessage('snapshot', { part: seq });
              if (kind === 'event') expected[n]?.push(sseBlock(event));
              if (kind === 'message') expected[n]?.push(sseMessage('snapshot', { part: seq }));
            }
            if (kind === 'turn') await new Promise((resolve) => setImmediate(resolve));
          }
          for (const link of links) link.close('slow_consumer', 'last');
          const goodbye = sseMessage('slow_consumer', { cursor: 'last' });
          expect(await Promise.all(answers)).toEqual(expected.map((blocks) => blocks.join('') + goodbye));
        }),
        { numRuns: 8, endOnFailure: true },
      );
    } finally {
      http.closeAllConnections();
      http.close();
    }
  });
});

function brief({ type, cursor, channels, id }: Record<string, unknown>): string {
  if (type === 'pong') return `answer ${String(id)}`;
  return type === 'heartbeat' ? String(cursor) : `${String(cursor)} ${String(channels)}`;
}

describe('Socket.IO writes', () => {
  let server: SocketIoServer;
  const managers: Manager[] = [];
  beforeEach(async () => {
    server = await startSocketIoServer();
  });
  afterEach(async () => {
    for (const manager of managers.splice(0)) manager._close();
    await server.close();
  });

  /** Records events by cursor, and answers as `answered <cursor>`, in the order in which the client receives them. */
  async function follow(transports: string[], namespaces: string[]): Promise<{ socket: Socket; seen: string[] }[]> {
    const manager = new Manager(server.url, { transports, forceNew: true });
    managers.push(manager);
    return Promise.all(
      namespaces.map(async (namespace) => {
        const socket = manager.socket(namespace, { auth: { apiKey: KEY } });
        const seen: string[] = [];
        socket.on('tvl_change', ({ cursor }: { cursor: string }) => seen.push(cursor));
        await new Promise<void>((resolve) => socket.once('connected', () => resolve()));
        await socket.emitWithAck('subscribe', { type: 'tvl_changes' });
        return { socket, seen };
      }),
    );
  }

  it('keep events and answers in order, on every transport and with several namespaces', async () => {
    const clients = (
      await Promise.all([
        follow(['websocket'], ['/v1/realtime', '/v2/realtime']),
        follow(['websocket'], ['/v1/realtime']),
        follow(['polling'], ['/v1/realtime', '/v2/realtime']),
        follow(['polling', 'websocket'], ['/v1/realtime']),
      ])
    ).flat();
    const steps = fc.array(
      fc.record({ kind: fc.constantFrom('event', 'event', 'ping', 'subscribe', 'unsubscribe', 'turn'), by: fc.nat(5) }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(steps, async (given) => {
        for (const { seen } of clients) seen.length = 0;
        const from = server.hub.position;
        const answers: Promise<unknown>[] = [];
        const ask = (n: number, name: string, ...args: unknown[]) => {
          const { socket, seen } = clients[n] ?? {};
          const answer = socket?.emitWithAck(name, ...args).then(({ cursor }) => seen?.push(`answered ${cursor}`));
          if (answer) answers.push(answer);
        };
        for (const { kind, by } of given) {
          if (kind === 'event') server.log.append({}, {});
          if (kind === 'ping') ask(by, 'ping');
          // A second subscription that matches the same events must not duplicate them.
          if (kind === 'subscribe') ask(by, 'subscribe', { type: 'protocol', protocol: 'aave-v3' });
          if (kind === 'unsubscribe') ask(by, 'unsubscribe', { type: 'protocol', protocol: 'aave-v3' });
          if (kind === 'turn') await new Promise((resolve) => setImmediate(resolve));
        }
        await Promise.all(answers);
        const cursors = server.log.events.slice(from).map((event) => new EncodedEvent(event as DeliveredEvent).cursor);
        for (const { seen } of clients) {
          await waitFor(() => seen.filter((entry) => !entry.startsWith('answered')).length >= cursors.length);
          expect(seen.filter((entry) => !entry.startsWith('answered'))).toEqual(cursors);
          // A client may resume from an answer's cursor: all events up to it must arrive before the answer.
          for (const [at, entry] of seen.entries()) {
            if (!entry.startsWith('answered ')) continue;
            const position = entry.slice('answered '.length);
            const before = seen.slice(0, at).filter((one) => !one.startsWith('answered'));
            expect(before).toEqual(expect.arrayContaining(cursors.filter((cursor) => cursor <= position)));
          }
        }
      }),
      { numRuns: 20, endOnFailure: true },
    );
  });
});
