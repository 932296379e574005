import type { IncomingMessage } from 'node:http';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { KEY, startSocketIoServer, type SocketIoServer } from '../../support/servers/socketio-server.js';
import { waitFor } from '../../support/wait-for.js';

let server: SocketIoServer;
const open: WebSocket[] = [];

afterEach(async () => {
  for (const socket of open.splice(0)) socket.terminate();
  await server.close();
});

const PATH = '/socket.io/?EIO=4&transport=';
const CONNECT = `40/v1/realtime,{"apiKey":"${KEY}"}`;

interface Raw {
  readonly socket: WebSocket;
  readonly packets: string[];
  readonly closed: Promise<number>;
}

/** Connects without the library, to send Engine.IO packets directly. */
async function raw(headers: Record<string, string> = {}): Promise<Raw> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}${PATH}websocket`, { headers });
  open.push(socket);
  const packets: string[] = [];
  socket.on('message', (data) => packets.push((data as Buffer).toString()));
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await new Promise((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('unexpected-response', (_, answer) => reject(new Error(String(answer.statusCode))));
    socket.once('error', reject);
  });
  return { socket, packets, closed };
}

const answersTo = ({ packets }: Raw): string[] => packets.filter((packet) => packet.startsWith('4'));

describe('an unauthenticated connection', () => {
  it.each([
    ['CONNECT with a wrong key', '40/v1/realtime,{"apiKey":"x"}'],
    ['CONNECT to namespaces that do not exist', '40/nowhere,'],
    ['pongs', '3'],
    ['CONNECT to the default namespace', '40'],
  ])('is closed after a few packets of %s, with at most 20 answers', async (_, packet) => {
    server = await startSocketIoServer();
    const client = await raw();
    for (let sent = 0; sent < 2_000; sent += 1) client.socket.send(packet);
    await client.closed;
    expect(answersTo(client).length).toBeLessThanOrEqual(20);
  });

  it('is closed at a binary frame and after 128 KiB', async () => {
    server = await startSocketIoServer();
    const [binary, large] = [await raw(), await raw()];
    binary.socket.send(Buffer.alloc(10));
    for (let sent = 0; sent < 4; sent += 1) large.socket.send(`40/${'x'.repeat(60_000)},`);
    await Promise.all([binary.closed, large.closed]);
    expect([...answersTo(binary), ...answersTo(large)].filter((packet) => packet.startsWith('40'))).toEqual([]);
  });
});

describe('an engine.io connection', () => {
  it('joins a namespace once, even after several CONNECT packets', async () => {
    server = await startSocketIoServer();
    const client = await raw();
    client.socket.send(CONNECT);
    client.socket.send(CONNECT);
    await waitFor(() => answersTo(client).some((packet) => packet.startsWith('42')));
    client.socket.send(CONNECT);
    client.socket.send('42/v1/realtime,7["ping",{}]');
    await waitFor(() => answersTo(client).some((packet) => packet.startsWith('43/v1/realtime,7[')));
    expect(answersTo(client).filter((packet) => packet.startsWith('40'))).toHaveLength(1);
    expect([server.hub.sessions.size, server.allowance.open.size]).toEqual([1, 1]);
    client.socket.close();
    await waitFor(() => server.allowance.open.size === 0);
    expect(server.hub.sessions.size).toBe(0);
  });

  it.each(['/nowhere', '/v3/realtime', '/'])('gets an error for each CONNECT to %s', async (namespace) => {
    server = await startSocketIoServer();
    const client = await raw();
    client.socket.send(CONNECT);
    const name = namespace === '/' ? '' : `${namespace},`;
    const refusals = () => answersTo(client).filter((packet) => packet.startsWith(`44${name}{`)).length;
    for (let asked = 1; asked <= 3; asked += 1) {
      client.socket.send(`40${name}`);
      await waitFor(() => refusals() === asked);
    }
    expect(refusals()).toBe(3);
  });

  it.each(['9007199254740993', '12345678901234567890'])(
    'refuses the acknowledgement id %s instead of rounding the id',
    async (id) => {
      server = await startSocketIoServer();
      const client = await raw();
      client.socket.send(CONNECT);
      await waitFor(() => answersTo(client).length > 0);
      client.socket.send(`42/v1/realtime,${id}["ping",{}]`);
      client.socket.send('42/v1/realtime,900719925474099["ping",{}]');
      await waitFor(() => answersTo(client).some((packet) => packet.startsWith('43')));
      const refused = answersTo(client).find((packet) => packet.includes('"error"')) ?? '';
      expect(refused).toContain('"field":"id"');
      expect(answersTo(client).filter((packet) => packet.startsWith('43'))).toEqual([
        expect.stringMatching(/^43\/v1\/realtime,900719925474099\[/),
      ]);
    },
  );
});

describe('the Socket.IO handshake', () => {
  it.each(['PUT', 'DELETE', 'PATCH'])('refuses the method %s with 405', async (method) => {
    server = await startSocketIoServer();
    const handshake = await (await fetch(`${server.url}${PATH}polling`)).text();
    const { sid } = JSON.parse(handshake.slice(1)) as { sid: string };
    for (const query of ['', `&sid=${sid}`]) {
      const answer = await fetch(`${server.url}${PATH}polling${query}`, { method });
      expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'GET, POST, OPTIONS']);
    }
  });

  it.each(['EIO=3&transport=websocket', 'transport=websocket', 'EIO=5&transport=websocket', 'EIO=4&transport=polling'])(
    'refuses an upgrade with %s, and names the required parameter',
    async (query) => {
      server = await startSocketIoServer();
      const socket = new WebSocket(`${server.url.replace('http', 'ws')}/socket.io/?${query}`);
      open.push(socket);
      socket.on('error', () => {});
      const answer = await new Promise<IncomingMessage>((resolve) =>
        socket.once('unexpected-response', (_, given) => resolve(given)),
      );
      expect([answer.statusCode, await text(answer)]).toEqual([
        400,
        expect.stringMatching(query.startsWith('EIO=4') ? 'transport=websocket' : 'EIO=4'),
      ]);
    },
  );

  it('refuses an older protocol over polling, and names `EIO=4` as required', async () => {
    server = await startSocketIoServer();
    const answer = await fetch(`${server.url}/socket.io/?EIO=3&transport=polling`);
    expect([answer.status, await answer.text()]).toEqual([400, expect.stringContaining('EIO=4')]);
  });

  it('refuses pages of other origins on every transport, and accepts clients without an origin', async () => {
    server = await startSocketIoServer({}, {}, { CORS_ORIGINS: 'https://app.example' });
    const poll = async (origin: string) => (await fetch(`${server.url}${PATH}polling`, { headers: { origin } })).status;
    expect([await poll('https://app.example'), await poll('https://evil.example')]).toEqual([200, 403]);
    await expect(raw({ origin: 'https://evil.example' })).rejects.toThrow('403');
    await raw({ origin: 'https://app.example' });
    await raw();
  });

  it('is refused with 503 and `retry-after` while the process drains', async () => {
    server = await startSocketIoServer();
    server.drain();
    const answer = await fetch(`${server.url}${PATH}polling`);
    expect([answer.status, await answer.json()]).toEqual([
      503,
      { code: 'server_draining', message: expect.any(String) },
    ]);
    expect(answer.headers.get('retry-after')).toMatch(/^[1-3]$/);
    await expect(raw()).rejects.toThrow('503');
  });
});
