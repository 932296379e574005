import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseSettings } from '../../settings/settings.js';
import { boundConnections } from './bound-connections.js';
import { becomesKnown } from './peers.js';

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

/** Counts turns of the event loop until `done`. */
function turns(): { now: number; done: boolean } {
  const counted = { now: 0, done: false };
  const next = (): void => {
    counted.now += 1;
    if (!counted.done) setImmediate(next);
  };
  next();
  return counted;
}

it('strangers whose requests cost something have a turn of the loop each, and a key that sends after them is read before most', async () => {
  const turn = turns();
  const begun: { path: string | undefined; turn: number }[] = [];
  let showsKey = true;
  server.on('request', (request, response) => {
    if (showsKey) becomesKnown(request.socket);
    begun.push({ path: request.url, turn: turn.now });
    for (const end = performance.now() + 2; performance.now() < end;);
    response.end();
  });
  const known = await open('127.0.6.1');
  known.write(get('/first'));
  await new Promise((resolve) => known.once('data', resolve));
  showsKey = false;
  const strangers = await openMany(30, (n) => `127.0.6.${2 + (n % 3)}`);
  begun.length = 0;
  for (const socket of strangers) socket.write(get('/stranger'));
  known.write(get('/known'));
  await Promise.all(strangers.map((socket) => new Promise((resolve) => socket.once('data', resolve))));
  turn.done = true;
  const ofStrangers = begun.filter(({ path }) => path === '/stranger').map((one) => one.turn);
  expect(new Set(ofStrangers).size).toBe(30);
  expect(begun.findIndex(({ path }) => path === '/known')).toBeLessThan(10);
});

it('an address has a turn for each one that others have, however many of its connections wait', async () => {
  const begun: (string | undefined)[] = [];
  server.on('request', (request, response) => {
    begun.push(request.url);
    for (const end = performance.now() + 2; performance.now() < end;);
    response.end();
  });
  const many = await openMany(20, () => '127.0.7.1');
  const few = await openMany(2, () => '127.0.7.2');
  for (const socket of many) socket.write(get('/many'));
  for (const socket of few) socket.write(get('/few'));
  await Promise.all([...many, ...few].map((socket) => new Promise((resolve) => socket.once('data', resolve))));
  expect(begun.lastIndexOf('/few')).toBeLessThan(12);
});

it('what follows an upgrade in the same packets arrives whole and in order', async () => {
  const rest = Array.from({ length: 3_000 }, (_, n) => `${n};`).join('');
  const arrived = new Promise<string>((resolve) => {
    server.on('upgrade', (_, socket: Socket, head: Buffer) => {
      socket.on('end', () => socket.end()).unshift(head);
      let text = '';
      socket.on('data', (data: Buffer) => {
        text += data.toString();
        if (text.length >= rest.length) resolve(text);
      });
    });
  });
  const socket = await open('127.0.8.1');
  socket.write(`GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n${rest}`);
  expect(await arrived).toBe(rest);
});

it('ends connections of an address of which more than two mebibytes wait, and answers the others', async () => {
  server.on('request', (request, response) => void request.resume().once('end', () => response.end('x')));
  const strangers = await openMany(60, () => '127.0.9.1');
  const outcomes = strangers.map(
    (socket) =>
      new Promise<string>((resolve) => {
        socket.once('data', () => resolve('answered')).once('close', () => resolve('ended'));
      }),
  );
  const body = 'a'.repeat(65_000);
  for (const socket of strangers) socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 65000\r\n\r\n${body}`);
  const found = await Promise.all(outcomes);
  expect(found.filter((outcome) => outcome === 'answered').length).toBeGreaterThan(10);
  expect(found.filter((outcome) => outcome === 'answered').length).toBeLessThan(50);
});

it('a request that comes byte by byte is answered, and so is one after it', async () => {
  server.on('request', (request, response) => void request.resume().once('end', () => response.end('whole')));
  const socket = (await open('127.0.10.1')).setNoDelay();
  let text = '';
  socket.on('data', (data: string) => (text += data));
  for (const byte of `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc${get('/next')}`) socket.write(byte);
  await expect.poll(() => text.split('whole').length - 1, { timeout: 5_000 }).toBe(2);
});
