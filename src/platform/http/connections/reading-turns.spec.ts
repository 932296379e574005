import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, Socket, type AddressInfo } from 'node:net';
import { setImmediate as nextTurn, setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSettings } from '../../settings/settings.js';
import { boundConnections } from './bound-connections.js';
import { becomesKnown, exceedsLimits } from './known-callers.js';
import { ReadingTurns } from './reading-turns.js';

let server: Server;
let sockets: Socket[];

beforeEach(async () => {
  sockets = [];
  server = createServer();
  boundConnections(server, parseSettings({}));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  await new Promise<unknown>((resolve) => server.close(resolve).closeAllConnections());
});

async function open(localAddress: string): Promise<Socket> {
  const accepted = new Promise((resolve) => server.once('connection', resolve));
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress });
  sockets.push(socket);
  await Promise.all([accepted, new Promise((resolve) => socket.once('connect', resolve))]);
  return socket.on('error', () => {}).setEncoding('latin1');
}
async function openMany(count: number, address: (n: number) => string): Promise<Socket[]> {
  const opened: Socket[] = [];
  for (let n = 0; n < count; n++) opened.push(await open(address(n)));
  return opened;
}
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: x\r\n\r\n`;

/** Reads a connection until it has that many answers. */
async function answers(socket: Socket, count: number): Promise<void> {
  let text = '';
  await new Promise<void>((resolve, reject) => {
    socket.on('data', (data: string) => {
      text += data;
      if (text.split('HTTP/1.1 200').length > count) resolve();
    });
    socket.once('close', () => reject(new Error(`ended after ${text.split('HTTP/1.1 200').length - 1} answers`)));
  });
}

describe('connections without a key', () => {
  it('are all answered when hundreds send requests at once, repeatedly', async () => {
    server.on('request', (_, response) => response.end('x'));
    const crowd = await openMany(120, (n) => `127.0.6.${1 + (n % 30)}`);
    for (let round = 0; round < 3; round += 1) {
      const answered = crowd.map((socket) => answers(socket, 4));
      for (const socket of crowd) socket.write(get('/').repeat(4));
      expect(await Promise.all(answered)).toHaveLength(120);
      for (const socket of crowd) socket.removeAllListeners('data').removeAllListeners('close');
    }
    const late = await open('127.0.6.99');
    late.write(get('/'));
    await answers(late, 1);
  });

  it('have large request bodies read completely', async () => {
    server.on('request', (request, response) => {
      let bytes = 0;
      request.on('data', (part: Buffer) => (bytes += part.length));
      request.on('end', () => response.end(`${bytes}`));
    });
    const crowd = await openMany(40, (n) => `127.0.7.${1 + (n % 10)}`);
    const answered = crowd.map((socket) => answers(socket, 2));
    const body = 'x'.repeat(300_000);
    for (const socket of crowd) {
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`.repeat(2));
    }
    expect(await Promise.all(answered)).toHaveLength(40);
  });

  it('are read a few per turn of the event loop and do not delay a connection with a key', async () => {
    const begun: string[] = [];
    server.on('request', (request, response) => {
      if (request.url === '/known') becomesKnown(request);
      begun.push(request.url ?? '');
      response.end('x');
    });
    const known = await open('127.0.8.1');
    known.write(get('/known'));
    await answers(known, 1);
    const crowd = await openMany(100, (n) => `127.0.8.${2 + (n % 50)}`);
    const answered = [...crowd, known].map((socket) => answers(socket, 1));
    for (const socket of crowd) socket.write(get('/crowd'));
    known.write(get('/known'));
    await Promise.all(answered);
    expect(begun.lastIndexOf('/known')).toBeLessThan(60);
  });

  it('let a new connection with a valid key of their own address overtake their requests', async () => {
    const withKey = 'GET /known HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer valid\r\n\r\n';
    const begun: string[] = [];
    server.on('request', (request, response) => {
      if (request.url === '/known') becomesKnown(request);
      begun.push(request.url ?? '');
      response.end('x');
    });
    const first = await open('127.0.8.1');
    first.write(withKey);
    await answers(first, 1);
    const crowd = await openMany(120, () => '127.0.8.1');
    const late = await open('127.0.8.1');
    const answered = [...crowd, late].map((socket) => answers(socket, 1));
    for (const socket of crowd) socket.write(get('/crowd'));
    late.write(withKey);
    await Promise.all(answered);
    expect(begun.lastIndexOf('/known')).toBeLessThan(100);
  });

  it('have small parts of their requests read a few hundred per turn of the event loop', async () => {
    const accepted: Socket[] = [];
    server.on('connection', (socket) => accepted.push(socket));
    const crowd = await openMany(800, (n) => `127.0.9.${1 + (n % 10)}`);
    const read = (): number => accepted.reduce((sum, { bytesRead }) => sum + bytesRead, 0);
    for (const socket of crowd) socket.write('G');
    let [before, most] = [0, 0];
    while (before < 800) {
      await nextTurn();
      const now = read();
      most = Math.max(most, now - before);
      before = now;
    }
    expect(most).toBeLessThan(600);
  });

  it('have no body read on after it was refused, however many take turns', async () => {
    server.on('request', (_, response) => response.writeHead(401).end('x'));
    const accepted: Socket[] = [];
    server.on('connection', (socket) => accepted.push(socket));
    const crowd = await openMany(120, () => '127.0.3.1');
    const ended = crowd.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve)));
    for (const socket of crowd) {
      socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8000000\r\n\r\n${'x'.repeat(4_000_000)}`);
    }
    await Promise.all(ended);
    expect(Math.max(...accepted.map(({ bytesRead }) => bytesRead))).toBeLessThan(1_000_000);
  });

  it('are closed if they write thousands of requests; a later connection is answered', async () => {
    server.on('request', (_, response) => response.end('x'));
    const crowd = await openMany(20, (n) => `127.0.5.${1 + n}`);
    const ended = crowd.map((socket) => new Promise((resolve) => socket.resume().once('close', resolve)));
    for (const socket of crowd) socket.write(get('/').repeat(5_000));
    await Promise.all(ended);
    const from = performance.now();
    const late = await open('127.0.5.99');
    late.write(get('/'));
    await answers(late, 1);
    expect(performance.now() - from).toBeLessThan(3_000);
  });

  it.each([
    // Node reads on when it has sent a header before the bytes of a body.
    { of: 'nobody' },
    { of: 'a key' },
    { of: 'a key before' },
  ])('take at most half of the event loop with refused requests (sender: $of)', async ({ of }) => {
    let begun = 0;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      begun += 1;
      if (request.url === '/known') exceedsLimits(request);
      response.end(Buffer.alloc(2_000));
    });
    const accepted: Socket[] = [];
    server.on('connection', (socket) => accepted.push(socket));
    const crowd = await openMany(20, (n) => `127.0.4.${1 + n}`);
    if (of !== 'nobody') for (const socket of accepted) becomesKnown({ socket, headers: {} } as IncomingMessage);
    for (const socket of crowd) {
      let bytes = 0;
      socket.write(get(of === 'a key' ? '/known' : '/').repeat(32));
      socket.on('data', (data: string) => {
        bytes += data.length;
        if (bytes < 32 * 2_000) return;
        bytes -= 32 * 2_000;
        socket.write(get(of === 'a key' ? '/known' : '/').repeat(32));
      });
    }
    await setTimeout(1_000);
    // Half of the second at 0.4 ms each, and what a client may use ahead of it.
    expect(begun).toBeLessThan(1_600);
    const from = performance.now();
    const late = await open('127.0.4.99');
    late.write(get('/'));
    await answers(late, 1);
    expect(performance.now() - from).toBeLessThan(1_000);
  });

  it('deliver the bytes after an upgrade in order, even if requests precede the upgrade', async () => {
    const rest = Array.from({ length: 30_000 }, (_, n) => `${n};`).join('');
    server.on('request', (_, response) => response.end('x'));
    const arrived = new Promise<string>((resolve) => {
      server.on('upgrade', (_, socket: Socket, head: Buffer) => {
        socket.on('error', () => {}).on('end', () => socket.end());
        socket.unshift(head);
        let text = '';
        socket.on('data', (data: Buffer) => {
          text += data.toString();
          if (text.length >= rest.length) resolve(text);
        });
      });
    });
    const crowd = await openMany(30, (n) => `127.0.9.${2 + n}`);
    const socket = await open('127.0.9.1');
    for (const other of crowd) other.write(get('/').repeat(20));
    socket.write(`${get('/')}GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${rest}`);
    expect(await arrived).toBe(rest);
  });
});

describe('requests without a key behind a proxy', () => {
  it('of one client are overtaken by the request of another', async () => {
    const turns = new ReadingTurns();
    const begun: string[] = [];
    const run = (client: string): void =>
      turns.runFor(client, new Socket(), () => {
        turns.charge(client, 1);
        begun.push(client);
      });
    for (let n = 0; n < 40; n++) run('192.0.2.1');
    run('192.0.2.2');
    while (begun.length < 41) await setTimeout(5);
    // Nine begin as they arrive, in the turn of the loop that they may fill.
    expect(begun.indexOf('192.0.2.2')).toBeLessThan(14);
  });

  it('do not begin, and cost nothing, after their connection has ended', async () => {
    const turns = new ReadingTurns();
    const begun: number[] = [];
    const proxied = Array.from({ length: 100 }, () => new Socket());
    for (const [n, socket] of proxied.entries()) {
      turns.runFor('192.0.2.1', socket, () => {
        turns.charge('192.0.2.1', 10);
        begun.push(n);
      });
    }
    for (const socket of proxied.slice(0, -1)) socket.destroy();
    turns.runFor('192.0.2.1', proxied[5] ?? new Socket(), () => begun.push(5));
    while (!begun.includes(99)) await setTimeout(5);
    // A few begin as they arrive.
    expect(begun.length).toBeLessThan(9);
    expect(proxied.map((socket) => socket.listenerCount('close'))).toEqual(Array(100).fill(0));
  });
});
