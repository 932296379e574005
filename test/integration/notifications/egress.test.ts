import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, type Server } from 'node:http';
import { createServer as createTcpServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { EgressPolicy, EgressRefused } from '../../../src/notifications/core/egress-policy.js';
import { failureOutcome } from '../../../src/notifications/channels/http-outcome.js';
import { GuardedClient } from '../../../src/notifications/egress/guarded-client.js';
import { Resolver } from '../../../src/notifications/egress/resolver.js';

/** Resolver with a table of answers, used in turn for each name: a name server controlled by an attacker. */
class HostileNameServer extends Resolver {
  readonly asked: string[] = [];
  constructor(private readonly answers: Record<string, string[][]>) {
    super();
  }
  override async addresses(name: string): Promise<string[]> {
    this.asked.push(name);
    const turns = this.answers[name] ?? [];
    const answer = turns.length > 1 ? turns.shift() : turns[0];
    if (answer === undefined) throw Object.assign(new Error('the name has no address'), { code: 'ENOTFOUND' });
    return answer;
  }
}

let server: Server;
let port: number;
/** Number of connections that reached the private server. */
let reached = 0;
const clients: GuardedClient[] = [];

beforeAll(async () => {
  server = createHttpServer((request, response) => {
    if (request.url === '/redirect') response.writeHead(307, { location: `http://127.0.0.2:${port}/secret` }).end();
    else if (request.url === '/endless') {
      const more = (): void => {
        if (response.destroyed) return;
        response.write('x'.repeat(65_536));
        setTimeout(more, 1);
      };
      more();
    } else if (request.url === '/breaks-off') {
      response.writeHead(200, { 'content-length': '100' }).write('taken', () => request.socket.destroy());
    } else if (request.url === '/drips') {
      response.writeHead(200).write('a');
      const drip = setInterval(() => response.write('a'), 1_000);
      response.on('close', () => clearInterval(drip));
    } else response.end('secret');
  });
  server.on('connection', (socket) => {
    reached++;
    socket.on('error', () => undefined);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  port = (server.address() as AddressInfo).port;
});
afterAll(async () => {
  await Promise.all(clients.map((client) => client.onApplicationShutdown()));
  server.closeAllConnections();
  await new Promise<void>((done) => server.close(() => done()));
});

function client(
  answers: Record<string, string[][]> = {},
  allow: string[] = [],
): GuardedClient & { names: HostileNameServer } {
  const names = new HostileNameServer(answers);
  const made = Object.assign(new GuardedClient(new EgressPolicy(allow), names), { names });
  clients.push(made);
  return made;
}

async function refusal(guarded: GuardedClient, address: string): Promise<string> {
  try {
    const { status } = await guarded.post(address, {}, '{}');
    return `answered ${status}`;
  } catch (error) {
    return failureOutcome(error).detail ?? '';
  }
}

describe('the guarded client', () => {
  it.each([
    ['a loopback address', ['127.0.0.1']],
    ['an IPv4-mapped loopback address', ['::ffff:127.0.0.1']],
    ['a private address', ['10.0.0.1']],
    ['the metadata address', ['169.254.169.254']],
    ['the IPv6 metadata address', ['fd00:ec2::254']],
    ['the Azure host service', ['168.63.129.16']],
    ['a NAT64 form of loopback', ['64:ff9b::7f00:1']],
    ['a 6to4 form of loopback', ['2002:7f00:1::1']],
    ['an IPv4-compatible loopback address', ['::127.0.0.1']],
    ['the unspecified address', ['0.0.0.0']],
    ['a link-local address with a zone', ['fe80::1%eth0']],
    ['several private addresses', ['192.168.0.1', '10.0.0.1']],
    ['an invalid address', ['not an address']],
  ])('refuses a name that resolves to %s', async (_, addresses) => {
    const before = reached;
    expect(await refusal(client({ 'innocent.example.com': [addresses] }), 'https://innocent.example.com/')).toContain(
      'refused',
    );
    expect(reached).toBe(before);
  });

  it('refuses a private second look-up of a name, even if the first look-up was public', async () => {
    const rebinding = client({ 'rebind.example.com': [['93.184.216.34'], ['127.0.0.1']] });
    await rebinding.checkName('https://rebind.example.com/');
    const before = reached;
    expect(await refusal(rebinding, 'https://rebind.example.com/')).toContain('refused');
    expect(rebinding.names.asked).toEqual(['rebind.example.com', 'rebind.example.com']);
    expect(reached).toBe(before);
  });

  it('refuses a name if any of its addresses is private', async () => {
    const mixed = client({ 'mixed.example.com': [['93.184.216.34', '10.0.0.1']] });
    await expect(mixed.checkName('https://mixed.example.com/')).rejects.toThrow(EgressRefused);
  });

  it('refuses private IP literals in every notation', async () => {
    const before = reached;
    const hosts = ['127.0.0.1', '2130706433', '0x7f.1', '017700000001', '127.1', '[::1]', '[::ffff:7f00:1]'];
    for (const host of hosts) expect(await refusal(client(), `https://${host}/`)).toContain('refused');
    expect(reached).toBe(before);
  });

  it('refuses private addresses and plain HTTP unless the allow list contains the address', async () => {
    const lenient = client({ 'db.example.com': [['10.0.0.1']], 'public.example.com': [['93.184.216.34']] }, [
      '127.0.0.1/32',
    ]);
    expect(await refusal(lenient, 'http://db.example.com:5432/')).toContain('refused');
    expect(await refusal(lenient, 'http://public.example.com/')).toContain('refused');
    expect(await refusal(lenient, `http://127.0.0.2:${port}/`)).toContain('refused');
  });

  it('sends to a name with an allowed address, using that address', async () => {
    const lenient = client({ 'hooks.example.com': [['10.9.9.9', '127.0.0.1']] }, ['127.0.0.1/32']);
    const answer = await lenient.post(`http://hooks.example.com:${port}/`, {}, '{}');
    expect(answer).toMatchObject({ status: 200, head: 'secret' });
  });

  it('allows a connection to a public address', async () => {
    // The public address itself is not contacted: the attempt alone shows that the policy permits it.
    const outcome = await refusal(client({ 'public.example.com': [['93.184.216.34']] }), 'https://public.example.com/');
    expect(outcome).not.toContain('refused: ');
  });

  it('asks once connected whether to send, and keeps the connection if not', async () => {
    const before = reached;
    const slow = client({ 'slow.example.com': [['127.0.0.1']] }, ['127.0.0.1/32']);
    const late = new Error('too late');
    const beforeSending = (): void => {
      throw late;
    };
    const address = `http://slow.example.com:${port}/`;
    await expect(slow.post(address, {}, '{}', { beforeSending })).rejects.toBe(late);
    expect((await slow.post(address, {}, '{}')).status).toBe(200);
    expect(reached).toBe(before + 1);
  });

  it('does not follow a redirect', async () => {
    const lenient = client({}, ['127.0.0.1/32']);
    expect((await lenient.post(`http://127.0.0.1:${port}/redirect`, {}, '{}')).status).toBe(307);
  });

  it('reads only 4 KB of an endless response', async () => {
    const { head } = await client({}, ['127.0.0.1/32']).post(`http://127.0.0.1:${port}/endless`, {}, '{}');
    expect(head).toHaveLength(4_096);
  });

  it('returns the status even if the body of the response breaks off', async () => {
    const answer = await client({}, ['127.0.0.1/32']).post(`http://127.0.0.1:${port}/breaks-off`, {}, '{}');
    expect(answer).toMatchObject({ status: 200, head: 'taken' });
  });

  it('returns a response without waiting for a slowly dripping body', async () => {
    const answer = await client({}, ['127.0.0.1/32']).post(`http://127.0.0.1:${port}/drips`, {}, '{}');
    expect(answer).toMatchObject({ status: 200, head: 'a' });
  });

  it('repeats a request on a new connection if the receiver closed the kept connection', async () => {
    const bodies: string[] = [];
    const closing = createTcpServer((socket) => {
      let requests = 0;
      socket.on('error', () => undefined);
      socket.on('data', (data) => {
        requests += 1;
        bodies.push(data.toString().split('\r\n\r\n')[1] ?? '');
        if (requests > 1) socket.destroy();
        else socket.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok');
      });
    });
    await new Promise<void>((done) => closing.listen(0, '127.0.0.1', done));
    const address = `http://127.0.0.1:${(closing.address() as AddressInfo).port}/`;
    const guarded = client({}, ['127.0.0.1/32']);
    for (const body of ['1', '2', '3']) expect((await guarded.post(address, {}, body)).status).toBe(200);
    expect(bodies.filter((body) => body !== '')).toContain('3');
    await new Promise<void>((done) => closing.close(() => done()));
  });

  it.each([
    [
      'resets the connection',
      'http',
      (socket: Socket) => socket.resetAndDestroy(),
      'no answer: read ECONNRESET (ECONNRESET)',
    ],
    [
      'closes the connection',
      'http',
      (socket: Socket) => socket.end(),
      'no answer: other side closed (UND_ERR_SOCKET)',
    ],
    [
      'sends an invalid response',
      'http',
      (socket: Socket) => socket.end('nonsense'),
      /^no answer: Response does not match[^(]*\([^(]*\)$/,
    ],
    [
      'sends endless headers',
      'http',
      (socket: Socket) => socket.end(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(40_000)}`),
      /^no answer: /,
    ],
    ['does not speak TLS', 'https', (socket: Socket) => socket.resetAndDestroy(), /^(?!no answer)/],
  ])('reports whether the request may have arrived when the receiver %s', async (_, protocol, reply, detail) => {
    const strange = createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => reply(socket));
    });
    await new Promise<void>((done) => strange.listen(0, '127.0.0.1', done));
    const address = `${protocol}://127.0.0.1:${(strange.address() as AddressInfo).port}/`;
    expect(await refusal(client({}, ['127.0.0.1/32']), address)).toMatch(detail);
    await new Promise<void>((done) => strange.close(() => done()));
  });

  it('tries the addresses of a name in parallel', async () => {
    const silent = ['10.255.255.1', '10.255.255.2', '127.0.0.1'];
    const lenient = client({ 'many.example.com': [silent] }, ['127.0.0.1/32', '10.255.255.0/24']);
    expect((await lenient.post(`http://many.example.com:${port}/`, {}, '{}')).head).toBe('secret');
  });

  it('reports ECONNREFUSED or ENOTFOUND for an unreachable server', async () => {
    const closed = createTcpServer();
    await new Promise<void>((done) => closed.listen(0, '127.0.0.1', done));
    const address = `http://127.0.0.1:${(closed.address() as AddressInfo).port}/`;
    await new Promise<void>((done) => closed.close(() => done()));
    expect(await refusal(client({}, ['127.0.0.1/32']), address)).toContain('ECONNREFUSED');
    expect(await refusal(client(), 'https://nowhere.example.com/')).toContain('ENOTFOUND');
  });
});

describe('the resolver', () => {
  it('resolves names of the local machine', async () => {
    expect(await new Resolver().addresses('localhost')).toContain('127.0.0.1');
  });

  it('fails for a name without addresses', async () => {
    await expect(new Resolver().addresses('no-such-name.invalid')).rejects.toThrow('no address');
  });

  it('resolves names that were just added to the hosts file', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'hosts-'));
    const hosts = join(directory, 'hosts');
    const resolver = new Resolver({ hosts, servers: [`127.0.0.1:${port}`] });
    writeFileSync(
      hosts,
      '# names\n127.0.0.3 hooks.intra.example Other.intra.example # ours\n::1 hooks.intra.example\n',
    );
    expect(await resolver.addresses('hooks.intra.example')).toEqual(['127.0.0.3', '::1']);
    expect(await resolver.addresses('OTHER.intra.example')).toEqual(['127.0.0.3']);
    rmSync(directory, { recursive: true });
  });

  it('returns IPv4 addresses without waiting for missing IPv6 replies', async () => {
    const server = createSocket('udp4');
    const asked: number[] = [];
    server.on('message', (question, { port: from, address }) => {
      const type = question.readUInt16BE(question.indexOf(0, 12) + 1);
      asked.push(type);
      if (type === 1) server.send(answerOf(question), from, address);
    });
    await new Promise<void>((done) => server.bind(0, '127.0.0.1', done));
    const resolver = new Resolver({ hosts: '/none', servers: [`127.0.0.1:${server.address().port}`] });
    const answer = await Promise.race([
      resolver.addresses('four.example.com'),
      new Promise((late) => setTimeout(late, 1_500, 'late')),
    ]);
    expect(answer).toEqual(['93.184.216.34']);
    expect(asked).toContain(28);
    server.close();
  });
});

/** Returns a name server's answer with 93.184.216.34. */
function answerOf(question: Buffer): Buffer {
  const end = question.indexOf(0, 12) + 5;
  const header = Buffer.from(question.subarray(0, 12));
  header.writeUInt16BE(0x81_80, 2);
  header.writeUInt16BE(1, 6);
  header.writeUInt32BE(0, 8);
  const record = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 93, 184, 216, 34]);
  return Buffer.concat([header, question.subarray(12, end), record]);
}
