import { once } from 'node:events';
import { createServer, get, type Server } from 'node:https';
import { connect, createServer as createPlainServer, type AddressInfo, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { connect as connectTls } from 'node:tls';
import fc from 'fast-check';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { parseSettings } from '../../settings/settings.js';
import { PAIRS } from '../certificates.fixture.js';
import { boundConnections } from './bound-connections.js';
import { isClientHelloWhole } from './client-hello.js';
import { waitFor } from '../../../../test/support/wait-for.js';

const pem = (what: string, text: string): string => `-----BEGIN ${what}-----\n${text}\n-----END ${what}-----\n`;

let hello: Buffer;
let server: Server;
const sockets: Socket[] = [];

/** A ClientHello as OpenSSL writes it, one record. */
beforeAll(async () => {
  const plain = createPlainServer().listen(0, '127.0.0.1');
  const arrived = once(plain, 'connection') as Promise<[Socket]>;
  await once(plain, 'listening');
  const client = connectTls({ port: (plain.address() as AddressInfo).port, host: '127.0.0.1' }).on('error', () => {});
  const [socket] = await arrived;
  [hello] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  plain.close();
});

beforeEach(async () => {
  server = createServer(
    {
      cert: pem('CERTIFICATE', PAIRS.one.certificate),
      key: pem('PRIVATE KEY', PAIRS.one.key),
      minVersion: 'TLSv1.3',
      handshakeTimeout: 30_000,
    },
    (request, response) => response.end(request.url),
  );
  boundConnections(server, parseSettings({ LIMIT_CONNECTIONS: 'none=200' }));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await new Promise<unknown>((resolve) => server.close(resolve).closeAllConnections());
});

interface Wire {
  readonly socket: Socket;
  received: number;
}

async function wire(localAddress = '127.0.0.1'): Promise<Wire> {
  const socket = connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', localAddress });
  sockets.push(socket);
  const opened: Wire = { socket, received: 0 };
  socket.on('error', () => {}).on('data', (data: Buffer) => (opened.received += data.length));
  await once(socket, 'connect');
  return opened;
}

function fetchPath(path: string, localAddress = '127.0.0.9'): Promise<string> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    const options = { port, host: '127.0.0.1', localAddress, rejectUnauthorized: false, agent: false, path };
    get(options, (response) => {
      let text = '';
      response.on('data', (data: Buffer) => (text += data.toString())).on('end', () => resolve(text));
    }).on('error', reject);
  });
}

const until = (holds: () => boolean): Promise<true> => waitFor(holds, { timeoutMs: 4_000 });

/** The same message in several records. */
function split(cuts: readonly number[]): Buffer {
  const message = hello.subarray(5);
  const borders = [0, ...[...new Set(cuts.map((cut) => cut % message.length))].sort((a, b) => a - b), message.length];
  return Buffer.concat(
    borders.slice(1).map((end, at) => {
      const part = message.subarray(borders[at], end);
      return Buffer.concat([hello.subarray(0, 3), Buffer.from([part.length >> 8, part.length & 255]), part]);
    }),
  );
}

describe('the ClientHello of a connection', () => {
  it('is whole after its last byte, over however many records it is split', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 6 }), fc.nat(), (cuts, length) => {
        const sent = split(cuts.filter((cut) => cut % (hello.length - 5) > 0));
        expect(isClientHelloWhole(sent)).toBe(true);
        expect(isClientHelloWhole(sent.subarray(0, length % sent.length))).toBe(false);
      }),
    );
  });

  it('is left to TLS when it is too long, in too many records, or something else', () => {
    const endless = Buffer.concat([Buffer.from([22, 3, 1, 64, 0, 1, 0, 64, 0]), Buffer.alloc(16_384)]);
    const inManyRecords = Buffer.concat(Array.from({ length: 9 }, () => Buffer.from([22, 3, 1, 0, 0])));
    for (const sent of [endless, inManyRecords, Buffer.from('GET /')]) expect(isClientHelloWhole(sent)).toBe(true);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), (sent) => void isClientHelloWhole(Buffer.from(sent))));
  });
});

describe('a TLS handshake without a key', () => {
  it('succeeds when its ClientHello arrives in several parts', async () => {
    const opened = await wire();
    const { socket } = opened;
    for (let at = 0; at < hello.length; at += 100) {
      socket.write(hello.subarray(at, at + 100));
      await pause(1);
    }
    // The certificate alone has 391 bytes.
    await until(() => opened.received > 391);
    expect(socket.destroyed).toBe(false);
  });

  it('ends when its ClientHello arrives in tiny parts', async () => {
    const { socket } = await wire();
    socket.setNoDelay(true);
    const closed = once(socket, 'close');
    for (let at = 0; at < 200 && !socket.destroyed; at += 1) {
      socket.write(hello.subarray(at, at + 1));
      await pause(2);
    }
    await closed;
    expect(socket.bytesWritten).toBeLessThan(hello.length);
  });

  it('ends with a connection that sends something else, resets, or ends early', async () => {
    const [plain, reset, early] = [await wire(), await wire(), await wire()];
    const ended = once(plain.socket, 'close');
    plain.socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    reset.socket.write(hello.subarray(0, 50));
    early.socket.write(hello.subarray(0, 50));
    await pause(20);
    reset.socket.resetAndDestroy();
    const closed = once(early.socket, 'close');
    early.socket.end();
    await Promise.all([ended, closed]);
    expect(await fetchPath('/still-served')).toBe('/still-served');
  });

  it('succeeds while hundreds of others have sent their ClientHello and are silent', async () => {
    const silent = await Promise.all(Array.from({ length: 300 }, (_, n) => wire(`127.0.1.${1 + (n % 100)}`)));
    for (const { socket } of silent) socket.write(hello);
    await until(() => silent.some(({ received }) => received > 0));
    expect(await fetchPath('/served', '127.0.0.99')).toBe('/served');
    // Silent ones give their places up, so that each of them has its turn.
    await until(() => silent.filter(({ received }) => received > 0).length > 100);
  });

  it('is under way for a bounded number of connections at once', async () => {
    const silent = await Promise.all(Array.from({ length: 300 }, (_, n) => wire(`127.0.2.${1 + (n % 100)}`)));
    for (const { socket } of silent) socket.write(hello);
    const began = performance.now();
    const started = (): number => silent.filter(({ received }) => received > 0).length;
    await until(() => started() >= 48);
    // Each 600 ms the silent ones of 48 places give them up.
    expect(started()).toBeLessThanOrEqual(48 * Math.ceil(1 + (performance.now() - began) / 600));
  });
});
