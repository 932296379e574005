import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSettings } from '../../settings/settings.js';
import { boundConnections } from './bound-connections.js';
import { chargeChunks } from './entrance.js';
import { becomesKnown, sessionBecomesKnown } from './known-callers.js';
import { quietFor, waitFor } from '../../../../test/support/wait-for.js';

let server: Server;
let inWork: number;
let most: number;
let answer: (request: IncomingMessage, response: ServerResponse) => void;
const sockets: Socket[] = [];

async function start(connections: number, trustProxy = 0): Promise<void> {
  inWork = most = 0;
  answer = (request, response) => void setImmediate(() => response.end(request.url));
  server = createServer((request, response) => {
    most = Math.max(most, ++inWork);
    // Prepended, so that it runs before the next request begins.
    response.prependOnceListener('close', () => inWork--);
    answer(request, response);
  });
  boundConnections(server, parseSettings({ LIMIT_CONNECTIONS: `none=${connections}`, TRUST_PROXY: `${trustProxy}` }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
}
async function stop(): Promise<void> {
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise<unknown>((resolve) => server.close(resolve).closeAllConnections());
}
beforeEach(() => start(5));
afterEach(stop);

interface Wire {
  readonly socket: Socket;
  text: string;
  readonly ended: Promise<void>;
}

/** Opens a connection and writes the text. */
async function wire(text = '', localAddress = '127.0.0.1'): Promise<Wire> {
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress });
  sockets.push(socket);
  const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()).on('end', () => resolve()));
  const opened: Wire = { socket, text: '', ended };
  socket.on('error', () => {}).on('data', (data: Buffer) => (opened.text += data.toString()));
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(text);
  return opened;
}

const answersIn = (text: string): string[] => [...text.matchAll(/\r\n\r\n(\/\d*)/g)].map(([, path = '']) => path);
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

const until = (holds: () => boolean): Promise<true> => waitFor(holds, { timeoutMs: 10_000 });

describe('an address that has sent too many tiny chunks', () => {
  it('must wait on new connections for a time, while its open connections are answered', async () => {
    let from = Infinity;
    answer = (request, response) => {
      if (request.url === '/0') {
        from = performance.now();
        chargeChunks('127.0.0.2', 10_000);
      }
      response.end(request.url);
    };
    const open = await wire(get('/0'), '127.0.0.2');
    await until(() => answersIn(open.text).includes('/0'));
    const next = await wire(get('/2'), '127.0.0.2');
    open.socket.write(get('/1'));
    await until(() => answersIn(open.text).includes('/1'));
    expect(next.text).toBe('');
    await until(() => answersIn(next.text).includes('/2'));
    expect(performance.now() - from).toBeGreaterThan(300);
    const later = await wire(get('/3'), '127.0.0.2');
    await until(() => answersIn(later.text).includes('/3'));
  });

  it('has a body in tiny chunks cut off; a body in large chunks is read', async () => {
    answer = (request, response) => {
      if (request.url === '/0') chargeChunks('127.0.0.3', 30_000);
      request.resume().once('end', () => response.end(request.url));
    };
    const tiny = await wire('POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n', '127.0.0.3');
    const whole = await wire('POST /2 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n', '127.0.0.3');
    const third = await wire(get('/0'), '127.0.0.3');
    await until(() => answersIn(third.text).includes('/0') && inWork === 2);
    tiny.socket.write('1\r\na\r\n'.repeat(300));
    whole.socket.write(`400\r\n${'a'.repeat(1_024)}\r\n0\r\n\r\n`);
    await Promise.all([tiny.ended, until(() => answersIn(whole.text).includes('/2'))]);
    expect(tiny.text).toBe('');
  });
});

describe('a chunked request body', () => {
  const head = 'POST /1 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
  const chunks = (count: number, text: string): string => `${text.length.toString(16)}\r\n${text}\r\n`.repeat(count);

  it('ends its connection if it arrives in thousands of tiny chunks', async () => {
    answer = (request, response) => void request.resume().on('end', () => response.end('/1'));
    const opened = await wire(head + chunks(20_000, 'a'));
    await opened.ended;
    expect(opened.text).toBe('');
  });

  it.each([
    ['in chunks of one byte if it is short', 8_000, 'a'],
    ['in chunks of one line', 20_000, '{"token":"bitcoin"}\n'],
  ])('is accepted %s', async (_, count, text) => {
    let bytes = 0;
    answer = (request, response) =>
      void request.on('data', (chunk: Buffer) => (bytes += chunk.length)).on('end', () => response.end('/1'));
    // Its own address: the tiny chunks of others are counted against theirs.
    const opened = await wire(`${head}${chunks(count, text)}0\r\n\r\n`, '127.0.0.4');
    await until(() => answersIn(opened.text).length === 1);
    expect(bytes).toBe(count * text.length);
  });
});

describe('an HTTP connection', () => {
  const upgrade = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

  it('is upgraded after the preceding requests have been answered', async () => {
    server.on('upgrade', ({ socket }: IncomingMessage) => socket.end('\r\n\r\n/3'));
    const opened = await wire(`${get('/1')}${get('/2')}${upgrade}`);
    await opened.ended;
    expect(answersIn(opened.text)).toEqual(['/1', '/2', '/3']);
  });

  it('causes no uncaught error if it is reset right after its upgrade', async () => {
    const upgraded = new Promise<Socket>((resolve) => {
      server.on('upgrade', ({ socket }: IncomingMessage) => resolve(socket.resume()));
    });
    const { socket } = await wire(upgrade);
    const accepted = await upgraded;
    const ended = new Promise((resolve) => accepted.once('close', resolve));
    socket.resetAndDestroy();
    // Without a listener the error would be an uncaught one, which ends the run.
    expect(await ended).toBeTypeOf('boolean');
  });

  it('has one request handled at a time and its answers in order', async () => {
    const { text } = await wire(Array.from({ length: 20 }, (_, n) => get(`/${n}`)).join('')).then(async (opened) => {
      await until(() => answersIn(opened.text).length === 20);
      return opened;
    });
    expect(answersIn(text)).toEqual(Array.from({ length: 20 }, (_, n) => `/${n}`));
    expect(most).toBe(1);
  });

  it('ends after 33 pipelined requests if a client writes a thousand', async () => {
    const opened = await wire(Array.from({ length: 1_000 }, (_, n) => get(`/${n}`)).join(''));
    await opened.ended;
    expect(answersIn(opened.text)).toEqual(Array.from({ length: 33 }, (_, n) => `/${n}`));
    expect(most).toBe(1);
  });

  it.each([
    [417, 'an unknown expectation', 'Host: x\r\nExpect: foo\r\n'],
    [400, 'no Host', ''],
  ])(
    'gets the status %i for the first 33 of 1,000 pipelined requests with %s, then ends',
    async (status, _, headers) => {
      const opened = await wire(`GET / HTTP/1.1\r\n${headers}\r\n`.repeat(1_000));
      await opened.ended;
      expect(opened.text.split(`HTTP/1.1 ${status} `)).toHaveLength(34);
      expect(opened.text.split('"code":"invalid_request"')).toHaveLength(34);
    },
  );

  it('ends after an answer that refuses the body, and the client receives the answer', async () => {
    answer = (_request, response) => {
      response.statusCode = 413;
      response.end('/0');
    };
    const opened = await wire('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n');
    for (let n = 0; n < 50 && !opened.socket.destroyed; n++) opened.socket.write(Buffer.alloc(100_000));
    await opened.ended;
    expect(opened.text).toContain('413');
    expect(opened.text).toMatch(/^Connection: close\r$/m);
    expect(answersIn(opened.text)).toEqual(['/0']);
  });

  it('stays open after a small unread chunked body and ends after a large one', async () => {
    const chunked = (path: string): string => `POST ${path} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`;
    const opened = await wire(chunked('/1'));
    await until(() => answersIn(opened.text).length === 1);
    opened.socket.write(`3\r\nabc\r\n0\r\n\r\n${get('/2')}${chunked('/3')}`);
    await until(() => answersIn(opened.text).length === 3);
    for (let n = 0; n < 20; n++) opened.socket.write(`2710\r\n${'x'.repeat(10_000)}\r\n`);
    await opened.ended;
    expect(answersIn(opened.text)).toEqual(['/1', '/2', '/3']);
  });

  it('stays open after a small unread body of known length', async () => {
    const opened = await wire(`POST /1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n`);
    await until(() => answersIn(opened.text).length === 1);
    opened.socket.write(`abc${get('/2')}`);
    await until(() => answersIn(opened.text).length === 2);
    expect(answersIn(opened.text)).toEqual(['/1', '/2']);
  });

  it('receives a problem document for a method that Socket.IO does not allow', async () => {
    const opened = await wire(
      'PUT /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n',
    );
    await until(() => opened.text.includes('invalid_request'));
    expect(opened.text).toMatch(/^HTTP\/1\.1 405 /);
    expect(opened.text).toMatch(/^Allow: GET, POST, OPTIONS\r$/m);
    expect(opened.text).toMatch(/^Content-Type: application\/problem\+json/m);
  });
});

describe('one client address', () => {
  const open = (wires: readonly Wire[]): number =>
    wires.filter(({ socket }) => !socket.destroyed && !socket.readableEnded).length;

  it('keeps only its newest 5 connections without a key, idle or with an unfinished request', async () => {
    const wires: Wire[] = [];
    for (let n = 0; n < 12; n++) wires.push(await wire(n % 2 === 0 ? 'GET / HT' : ''));
    await until(() => open(wires) === 5);
    expect(open(wires.slice(-5))).toBe(5);
    const next = await wire(get('/7'));
    await until(() => next.text.includes('/7'));
  });

  it('keeps any number of connections that have shown a key', async () => {
    answer = (request, response) => {
      becomesKnown(request);
      response.end('/0');
    };
    const wires = await Promise.all(Array.from({ length: 18 }, () => wire(get('/'))));
    await until(() => wires.every(({ text }) => answersIn(text).length === 1));
    await quietFor(400);
    expect(open(wires)).toBe(18);
  });

  it('keeps connections whose requests wait for their turn until they have shown a key', async () => {
    await stop();
    await start(200);
    // The check of a key takes time.
    answer = (request, response) =>
      void setTimeout(() => {
        becomesKnown(request);
        response.end('/0');
      }, 100);
    // 800 requests of 0.35 ms each fill 40 % of the loop for half a second.
    const wires = await Promise.all(Array.from({ length: 800 }, () => wire(get('/'))));
    await until(() => wires.every(({ text }) => answersIn(text).length === 1));
    expect(open(wires)).toBe(800);
  });

  it.each(['pod-1.Zb_4-x', '9f2c11.AAAA', 'plain'])(
    'keeps all connections of the open Socket.IO session %s',
    async (sid) => {
      const end = sessionBecomesKnown(sid, '127.0.0.1');
      const poll = get(`/socket.io/?EIO=4&transport=polling&sid=${sid}`);
      answer = (_request, response) => void response.end('/0');
      const wires = await Promise.all(Array.from({ length: 18 }, () => wire(poll)));
      await until(() => wires.every(({ text }) => answersIn(text).length === 1));
      await quietFor(400);
      expect(open(wires)).toBe(18);
      end();
    },
  );

  it('may send 64 bodies at once without a key; the next body is refused until one ends', async () => {
    await stop();
    await start(0);
    answer = () => {};
    const post = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n';
    const held = await Promise.all(Array.from({ length: 64 }, () => wire(post)));
    await until(() => inWork === 64);
    const refused = await wire(post);
    await until(() => refused.text.includes('rate_limited'));
    held[0]?.socket.destroy();
    await until(() => inWork === 63);
    await wire(post);
    await until(() => inWork === 64);
    expect(most).toBe(64);
  });
});

describe('the connections of a proxy', () => {
  it('share the event loop with requests that have shown a key, whatever clients without one send', async () => {
    await stop();
    await start(5, 1);
    let lastAt = 0;
    answer = (_, response) => {
      lastAt = performance.now();
      response.end();
    };
    const opened = await Promise.all(Array.from({ length: 400 }, () => wire()));
    const began = performance.now();
    opened.forEach(({ socket }, n) =>
      socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 192.0.2.${n % 250}\r\n\r\n`),
    );
    await until(() => opened.every(({ text }) => text !== ''));
    // 400 refusals of 0.35 ms each, 60 ms of them at once, in 40 % of the time.
    expect(lastAt - began).toBeGreaterThan(150);
  });
});
