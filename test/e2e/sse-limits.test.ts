import { connect as connectTcp } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ConnectionAdmission } from '../../src/realtime/transports/admission/connection-admission.js';
import { RealtimeHub } from '../../src/realtime/core/hub.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { StreamClient } from '../support/clients/event-stream.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { waitFor } from '../support/wait-for.js';
import { rawStream } from '../support/clients/raw-stream.js';
import { OpenedClients } from '../support/clients/opened-clients.js';

let app: TestApp;

let key: string;

let market: MarketWriter;

const clients = new OpenedClients<StreamClient>((client) => client.close());

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
  market = new MarketWriter(app.db.pool);
});

afterAll(() => app.close());

afterEach(() => clients.close());

const raw = (query: string, headers: Record<string, string>, enough: (text: string) => boolean) =>
  rawStream(app.url, query, headers, enough);

/** Returns three lists of 4,000 names, for each of three channels. */
function longLists(): string {
  const names = (prefix: string) => Array.from({ length: 4_000 }, (_, n) => `${prefix}${n}`);
  const channels = ['events:tvl', 'events:prices', 'events:protocols'];
  return JSON.stringify({ channels, tokens: names('t'), protocols: names('p') });
}

describe('long filters of an event stream', () => {
  const post = (body: string, headers: Record<string, string> = {}) =>
    fetch(`${app.url}/v1/stream`, { method: 'POST', body, headers: { authorization: `Bearer ${key}`, ...headers } });

  it('are accepted in a POST body', async () => {
    const tokens = Array.from({ length: 5_000 }, (_, n) => `ethereum:0x${n.toString(16).padStart(40, '0')}`);
    const wanted = tokens[4_711] ?? '';
    await market.price(wanted, 100);
    const answer = await post(JSON.stringify({ channels: ['events:prices'], tokens }));
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    const reader = (answer.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let text = '';
    const readUntil = async (part: string): Promise<void> => {
      while (!text.includes(part)) text += (await reader.read()).value ?? '';
    };
    await readUntil('event: ready');
    await market.price(wanted, 110);
    await readUntil('"currentPrice":110');
    await reader.cancel();
  });

  it.each([
    ['no key', '{}', { authorization: '' }, 401, 'missing_api_key'],
    ['no JSON', '{"tokens":', {}, 400, 'invalid_request'],
    ['an unknown member', '{"token":"x"}', {}, 400, 'invalid_request'],
    ['more than 1 MiB', JSON.stringify({ tokens: ['x'.repeat(1024 * 1024)] }), {}, 413, 'payload_too_large'],
    ['more names than a connection may have', longLists(), {}, 422, 'limit_exceeded'],
  ])('with %s are refused before a stream starts', async (_, body, headers, status, code) => {
    const answer = await post(body, headers);
    expect([answer.status, await answer.json()]).toMatchObject([status, { code }]);
  });

  it('are accepted in a URL up to 64 KiB; a longer URL is refused with 431', async () => {
    const tokens = Array.from({ length: 500 }, (_, n) => `ethereum:0x${n.toString(16).padStart(40, '0')}`).join();
    const taken = await raw(`tokens=${tokens}&apiKey=${key}`, {}, (text) => text.includes('event: ready'));
    expect(taken.status).toBe(200);
    const refused = await raw(`tokens=${'x'.repeat(70_000)}`, {}, () => false);
    expect([refused.status, refused.headers['content-type']]).toEqual([431, 'application/problem+json']);
    expect(JSON.parse(refused.text)).toMatchObject({ status: 431, code: 'payload_too_large' });
  });
});

it('an event stream without a reading client is closed and frees its connection place', async () => {
  await app.db.pool.query(
    `INSERT INTO token_prices (token, price) SELECT 'stall-' || g, 1 FROM generate_series(1, 2000) g`,
  );
  const admission = app.nest.get(ConnectionAdmission);
  const inside = admission.inside;
  const socket = connectTcp(app.port, '127.0.0.1');
  socket.write(`GET /v1/stream?channels=events:prices&apiKey=${key} HTTP/1.1\r\nHost: x\r\n\r\n`);
  await waitFor(() => String(socket.read() ?? '').includes('event: ready'));
  const sessions = () => app.nest.get(RealtimeHub).sessions.size;
  const open = sessions();
  for (let count = 0; count < 15; count++) {
    await app.db.pool.query(`UPDATE token_prices SET price = price * 1.1 WHERE token LIKE 'stall-%'`);
  }
  await waitFor(() => sessions() < open, { timeoutMs: 20_000 });
  await waitFor(() => admission.inside <= inside, { timeoutMs: 15_000 });
  expect(admission.inside).toBe(inside);
  socket.destroy();
});
