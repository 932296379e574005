import { request } from 'node:http';
import { connect as connectTo } from 'node:net';
import { io, type Socket } from 'socket.io-client';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { POD_KEY, startPods, type TestPods } from '../support/servers/pods.js';
import { startRedisOfSuite } from '../support/servers/redis-of-suite.js';
import { createTestDatabase } from '../support/servers/test-database.js';
import { waitFor } from '../support/wait-for.js';

const apiKey = POD_KEY;
let pods: TestPods;

beforeAll(async () => {
  pods = await startPods(await createTestDatabase(), {}, startRedisOfSuite);
});

afterAll(async () => {
  await pods?.stop();
});

/** The snippet in the documentation, unchanged except for the host: it polls first. */
function connect(): Socket {
  return io(`${pods.url}/v1/realtime`, { auth: { apiKey }, forceNew: true });
}

const podOf = (socket: Socket): string | undefined => socket.io.engine?.id.split('.')[0];

async function changeOneValue(protocol: string): Promise<void> {
  await pods.db.pool.query(
    `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ($1, 'ethereum', 1000000)
     ON CONFLICT (protocol, chain) DO UPDATE SET tvl = protocol_tvl.tvl * 2`,
    [protocol],
  );
}

test('100 clients of one address poll, upgrade and stay on the pod of their session', async () => {
  const refusals: string[] = [];
  const transports: string[] = [];
  const clients = Array.from({ length: 100 }, () => {
    const socket = connect();
    socket.on('connect_error', (error) => refusals.push(error.message));
    socket.once('connect', () => transports.push(socket.io.engine.transport.name));
    return socket;
  });
  try {
    await waitFor(() => clients.every((socket) => socket.io.engine?.transport?.name === 'websocket'), {
      timeoutMs: 20_000,
    });
    await waitFor(() => clients.every((socket) => socket.connected));
    expect(refusals).toEqual([]);
    expect(transports).toContain('polling');
    const perPod = Map.groupBy(clients, podOf);
    expect(new Set(perPod.keys())).toEqual(new Set(['pod-1', 'pod-2', 'pod-3']));
    for (const group of perPod.values()) expect(group.length).toBeGreaterThan(20);

    const answers = await Promise.all(
      clients.map((socket) => socket.timeout(5_000).emitWithAck('subscribe', { type: 'tvl_changes' })),
    );
    expect(answers.filter(({ ok }: { ok: boolean }) => ok)).toHaveLength(100);
    const seen = new Map<Socket, string[]>(clients.map((socket) => [socket, []]));
    for (const socket of clients) {
      socket.on('tvl_change', ({ protocol }: { protocol: string }) => seen.get(socket)?.push(protocol));
    }
    await changeOneValue('everywhere');
    await changeOneValue('everywhere');
    await waitFor(() => [...seen.values()].every((protocols) => protocols.includes('everywhere')));
  } finally {
    for (const socket of clients) socket.disconnect();
  }
});

test('a client that can only poll works through the balancer', async () => {
  const socket = io(`${pods.url}/v1/realtime`, { auth: { apiKey }, forceNew: true, transports: ['polling'] });
  try {
    await waitFor(() => socket.connected);
    expect(await socket.timeout(5_000).emitWithAck('subscribe', { type: 'tvl_changes' })).toMatchObject({ ok: true });
    const event = new Promise<{ protocol: string }>((resolve) => socket.once('tvl_change', resolve));
    await changeOneValue('polled');
    await changeOneValue('polled');
    expect(await event).toMatchObject({ protocol: 'polled' });
  } finally {
    socket.disconnect();
  }
});

test('the balancer forwards events of an event stream without buffering', async () => {
  const answer = await fetch(`${pods.url}/v1/stream?channels=events:tvl`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  const readUntil = async (part: string): Promise<void> => {
    while (!text.includes(part)) text += (await reader.read()).value ?? '';
  };
  await readUntil('event: ready');
  await changeOneValue('streamed');
  await changeOneValue('streamed');
  await readUntil('"protocol":"streamed"');
  expect(text.indexOf('event: ready')).toBeLessThan(text.indexOf('event: tvl_change'));
  await reader.cancel();
});

test('pods see the real address of a client, and a client cannot forge it', async () => {
  const socket = new WebSocket(`${pods.url.replace('http', 'ws')}/ws?apiKey=${apiKey}`, {
    localAddress: '127.0.0.9',
    headers: { 'x-forwarded-for': '203.0.113.7' },
  });
  const connected = await new Promise<{ connectionId: string }>((resolve) => {
    socket.once('message', (data) => resolve(JSON.parse((data as Buffer).toString()) as { connectionId: string }));
  });
  try {
    const found = await waitFor(() => connectionInfo(connected.connectionId));
    expect(found.metadata.ipAddress).toBe('127.0.0.9');
  } finally {
    socket.terminate();
  }
});

test.each(['Basic eDp5', 'Bearer invented', 'x'])(
  'requests with `Authorization: %s` are limited like requests without a key',
  async (authorization) => {
    const localAddress = `127.0.0.${20 + authorization.length}`;
    const details: Promise<string | undefined>[] = [];
    const sockets = Array.from({ length: 300 }, () => {
      const socket = connectTo({ port: pods.nginx.port, host: '127.0.0.1', localAddress });
      details.push(
        new Promise((resolve) => socket.once('data', (data) => resolve(data.toString())).once('close', resolve)),
      );
      socket.on('error', () => undefined);
      socket.write(
        `POST /v1/query/advanced HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Length: 9\r\n\r\n`,
      );
      return socket;
    });
    try {
      const beyond = (await Promise.all(details)).filter((answer) =>
        answer?.includes('are under way from this address'),
      );
      expect(beyond.length).toBeGreaterThan(0);
      const keyed = await fetch(`${pods.url}/v1/me`, { headers: { authorization: `Bearer ${apiKey}` } });
      expect(keyed.status).toBe(200);
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  },
);

/** Repeats the request until a pod that knows the connection answers. */
async function connectionInfo(id: string): Promise<{ metadata: { ipAddress: string } } | undefined> {
  const answer = await fetch(`${pods.url}/v1/realtime/connections/${id}`, {
    headers: { authorization: `Bearer ${apiKey}` },
  });
  return answer.ok ? ((await answer.json()) as { metadata: { ipAddress: string } }) : undefined;
}

test('a poll for an unknown session is answered by an available pod', async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const path = '/socket.io/?EIO=4&transport=polling&sid=pod-9.gone';
    request(`${pods.url}${path}`, (answer) => resolve(answer.resume().statusCode))
      .on('error', reject)
      .end();
  });
  expect(status).toBe(400);
});

test('pods keep idle connections open longer than common balancers', async () => {
  const answer = await fetch(`${pods.pods[0].url}/health/live`);
  expect(answer.headers.get('keep-alive')).toBe('timeout=620');
});

test('long URLs reach the pods, and a URL above the limit is refused with a problem document', async () => {
  const headers = { authorization: `Bearer ${apiKey}` };
  const tokens = Array.from({ length: 500 }, (_, n) => `ethereum:0x${n.toString(16).padStart(40, '0')}`).join();
  const taken = await fetch(`${pods.url}/v1/stream?tokens=${tokens}`, { headers });
  expect(taken.status).toBe(200);
  await taken.body?.cancel();
  const refused = await fetch(`${pods.url}/v1/stream?tokens=${'x'.repeat(70_000)}`, { headers });
  expect([refused.status, await refused.json()]).toMatchObject([431, { status: 431, code: 'payload_too_large' }]);
});

test('a stream above the limit gets 429; without any pod the balancer sends a retry time', async () => {
  const made = await fetch(`${pods.url}/v1/admin/api-keys`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ userId: 'one', role: 'reader', tier: 'free', limits: { connections: 1 } }),
  });
  const { key } = (await made.json()) as { key: string };
  const open = (): Promise<Response> => fetch(`${pods.url}/v1/stream?channels=events:tvl&apiKey=${key}`);
  const first = await open();
  expect(first.status).toBe(200);
  const second = await open();
  expect([second.status, await second.json()]).toMatchObject([429, { code: 'connection_limit' }]);

  await Promise.all(pods.pods.map((pod) => pod.end('SIGKILL')));
  await first.text().catch(() => undefined);
  const late = await open();
  expect([late.status, late.headers.get('content-type'), late.headers.get('access-control-allow-origin')]).toEqual([
    200,
    'text/event-stream; charset=utf-8',
    '*',
  ]);
  const [, retry, data = ''] = /^retry: (\d+)\n\nevent: error\ndata: (.*)\n\n$/.exec(await late.text()) ?? [];
  expect(JSON.parse(data)).toMatchObject({ code: 'unavailable', retryable: true, retryAfterMs: Number(retry) });
  const rest = await fetch(`${pods.url}/v1/chains`, { headers: { authorization: `Bearer ${apiKey}` } });
  expect([rest.status, rest.headers.get('retry-after'), await rest.json()]).toMatchObject([
    503,
    '2',
    { code: 'unavailable' },
  ]);
});
