import { EventSource } from 'eventsource';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { DomainError, type ErrorCode } from '../../src/platform/errors/domain-error.js';
import { Settings } from '../../src/platform/settings/settings.js';
import { ConnectionAdmission } from '../../src/realtime/transports/admission/connection-admission.js';
import { admin } from '../support/clients/admin-call.js';
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

async function open(query: string): Promise<StreamClient> {
  const client = await StreamClient.ready(app.url, `${query}&apiKey=${key}`);
  return clients.add(client);
}

const raw = (query: string, headers: Record<string, string>, enough: (text: string) => boolean) =>
  rawStream(app.url, query, headers, enough);

describe('an event stream', () => {
  it('starts with `retry`, `connected` and `ready`, and forbids buffering', async () => {
    const answer = await raw('channels=events:tvl', { authorization: `Bearer ${key}` }, (text) =>
      text.includes('event: ready'),
    );
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(answer.headers['x-request-id']).toBeTypeOf('string');
    expect(answer.text).toMatch(
      /^retry: \d+\n\nevent: connected\ndata: \{.*\}\n\nevent: ready\nid: \S+\ndata: \{.*\}\n\n$/,
    );
  });

  it('sends an event for a change made with SQL, with its cursor as event id', async () => {
    await market.protocol('sse-protocol', 'SSE Protocol', { category: 'Lending' });
    await market.tvl('sse-protocol', 'ethereum', 1_000);
    const client = await open('channels=events:tvl,events:prices&protocols=sse-protocol&tokens=none');
    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = 1100 WHERE protocol = 'sse-protocol'`);
    const { body, lastEventId } = await client.next('tvl_change');
    expect(body).toMatchObject({
      eventType: 'tvl_change',
      protocol: 'sse-protocol',
      chain: 'ethereum',
      previousTvl: 1_000,
      currentTvl: 1_100,
      changePercent: 10,
      moved: 0.1,
      timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*\.\d{3}Z$/),
    });
    expect(lastEventId).toBe(body['cursor']);
  });

  it('filters by token, chain, threshold and range', async () => {
    for (const token of ['sse-a', 'sse-b']) await market.price(token, 100, { chain: 'gnosis' });
    const client = await open('channels=events:prices&tokens=sse-a&chains=xdai&threshold=0.1&minValue=50&maxValue=150');
    await market.price('sse-b', 120, { chain: 'gnosis' });
    await market.price('sse-a', 102, { chain: 'gnosis' });
    await market.price('sse-a', 120, { chain: 'gnosis' });
    const { body } = await client.next('price_change');
    expect(body).toMatchObject({ token: 'sse-a', currentPrice: 120 });
    expect(client.named('price_change')).toHaveLength(1);
  });

  it('sends a snapshot between `connected` and `ready`', async () => {
    await market.price('sse-snap', 7);
    const client = await waitFor(async () => {
      const opened = await open('channels=events:prices&tokens=sse-snap&snapshot=true');
      return (opened.named('snapshot')[0]!.body['items'] as unknown[]).length === 1 && opened;
    });
    expect(client.events.map(({ name }) => name)).toEqual(['connected', 'snapshot', 'ready']);
    expect(client.events[1]?.lastEventId).toBe('');
  });

  it('with a 5 % threshold sends four events for a fall of 20 % by 1 % steps', async () => {
    await market.tvl('sse-slide', 'ethereum', 1_000_000);
    const every = await open('protocols=sse-slide');
    const client = await open('protocols=sse-slide&threshold=0.05');
    for (let step = 1; step <= 22; step++) await market.tvl('sse-slide', 'ethereum', 1_000_000 * 0.99 ** step);
    await every.next('tvl_change', 22);
    await client.next('tvl_change', 4);
    expect(client.named('tvl_change')).toHaveLength(4);
  });

  it('sends announcements and escapes line breaks in the message', async () => {
    const client = await open('channels=events:alerts');
    const answer = await fetch(`${app.url}/v1/realtime/announcements`, {
      method: 'POST',
      headers: { authorization: `Bearer ${app.adminKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: 'Maintenance\n\nevent: forged' }),
    });
    expect(answer.status).toBe(202);
    expect((await client.next('system_announcement')).body['message']).toBe('Maintenance\n\nevent: forged');
    expect(client.named('forged')).toEqual([]);
  });
});

describe('resuming an event stream', () => {
  it('continues after `Last-Event-ID`, which has priority over `since`', async () => {
    await market.price('sse-resume', 100);
    const first = await open('tokens=sse-resume');
    const watching = await open('tokens=sse-resume');
    await market.price('sse-resume', 110);
    const { lastEventId } = await first.next('price_change');
    first.close();
    await market.price('sse-resume', 120);
    await market.price('sse-resume', 130);
    // The server has read all three when another client has them; until then they are live events, no replay.
    await waitFor(() => watching.named('price_change').at(-1)?.body['currentPrice'] === 130);
    const old = String(first.named('connected')[0]?.body['cursor']);
    const headers = { authorization: `Bearer ${key}`, 'last-event-id': lastEventId };
    const answer = await raw(`tokens=sse-resume&since=${old}`, headers, (text) => text.includes('event: ready'));
    const prices = [...answer.text.matchAll(/"currentPrice":(\d+)/g)].map(([, price]) => price);
    expect(prices).toEqual(['120', '130']);
    expect(answer.text).toContain('"recovered":true,"replayed":2');
    const again = await raw(`tokens=sse-resume&since=${old}`, { authorization: `Bearer ${key}` }, (text) =>
      text.includes('event: ready'),
    );
    expect([...again.text.matchAll(/"currentPrice":(\d+)/g)].map(([, price]) => price)).toEqual(['110', '120', '130']);
  });

  it('loses no event if the client is disconnected before its first event', async () => {
    const authorization = `Bearer ${key}`;
    await market.tvl('newcomer', 'ethereum', 100);
    const first = await raw('channels=events:protocol:newcomer', { authorization }, (text) =>
      text.includes('event: ready'),
    );
    const position = /event: ready\nid: (\S+)\n/.exec(first.text)?.[1] ?? '';
    await market.tvl('newcomer', 'ethereum', 200);
    await market.tvl('newcomer', 'ethereum', 400);
    const headers = { authorization, 'last-event-id': position };
    const again = await raw('channels=events:protocol:newcomer', headers, (text) => text.includes('"currentTvl":400'));
    expect(again.text.match(/"currentTvl":\d+/g)).toEqual(['"currentTvl":200', '"currentTvl":400']);
  });

  it('reports an invalid `Last-Event-ID` like the cursor of another log', async () => {
    const headers = { authorization: `Bearer ${key}`, 'last-event-id': 'rubbish' };
    const answer = await raw('', headers, (text) => text.includes('event: ready'));
    expect(answer.text).toContain('"recovered":false,"reason":"epoch"');
  });
});

describe('requests to open an event stream', () => {
  it.each([
    ['no key', 'channels=events:tvl', '', 401, 'missing_api_key'],
    ['a wrong key', 'channels=events:tvl', 'rta_wrong_key', 401, 'invalid_api_key'],
    ['an unknown channel', 'channels=nonsense', 'good', 400, 'invalid_request'],
    ['an unknown parameter', 'protocol=x', 'good', 400, 'invalid_request'],
    ['a negative threshold', 'threshold=-1', 'good', 400, 'invalid_request'],
    ['NaN as a number', 'minValue=NaN', 'good', 400, 'invalid_request'],
    ['a script as a channel', 'channels=%3Cscript%3Ealert(1)%3C/script%3E', 'good', 400, 'invalid_request'],
    ['a wrong mode', "mode='; DROP TABLE event_log; --", 'good', 400, 'invalid_request'],
  ])('with %s are refused', async (_, query, given, status, code) => {
    const secret = given === 'good' ? key : given;
    const headers: Record<string, string> = secret === '' ? {} : { authorization: `Bearer ${secret}` };
    const answer = await fetch(`${app.url}/v1/stream?${query}`, { headers });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect(await answer.json()).toMatchObject({ status, code });
  });

  it('with a key without the SSE transport are refused', async () => {
    const narrow = await app.key({ transports: ['websocket'] });
    const answer = await fetch(`${app.url}/v1/stream`, { headers: { authorization: `Bearer ${narrow}` } });
    expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'forbidden' }]);
  });

  it('with a key that may not subscribe to channels are refused', async () => {
    const narrow = await app.key({ subscriptionTypes: ['alerts'] });
    const answer = await fetch(`${app.url}/v1/stream`, { headers: { authorization: `Bearer ${narrow}` } });
    expect([answer.status, await answer.json()]).toMatchObject([403, { code: 'forbidden' }]);
  });

  it('with an invalid live query are refused', async () => {
    const query = encodeURIComponent(JSON.stringify({ dataset: 'nonsense' }));
    const answer = await fetch(`${app.url}/v1/stream?query=${query}&apiKey=${key}`);
    expect([answer.status, await answer.json()]).toMatchObject([400, { code: 'invalid_request' }]);
  });

  it('above the connection limit of the key are refused until a stream is closed', async () => {
    const narrow = await app.key({ tier: 'free', userId: 'crowd' });
    const opened = await Promise.all(Array.from({ length: 5 }, () => StreamClient.ready(app.url, `apiKey=${narrow}`)));
    for (const client of opened) clients.add(client);
    const answer = await fetch(`${app.url}/v1/stream?apiKey=${narrow}`);
    expect([answer.status, await answer.json()]).toMatchObject([429, { code: 'connection_limit' }]);
    expect(answer.headers.get('retry-after')).toBeTruthy();
    opened[0]?.close();
    await waitFor(async () => {
      const next = new StreamClient(app.url, `apiKey=${narrow}`);
      clients.add(next);
      await waitFor(() => next.named('ready').length > 0 || next.refused !== undefined);
      return next.refused === undefined;
    });
  });

  it('with method HEAD return the headers and open no stream', async () => {
    const answer = await fetch(`${app.url}/v1/stream?apiKey=${key}`, { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('text/event-stream');
  });
});

describe('reconnecting to an event stream', () => {
  const refuseOnce = (code: ErrorCode, retryAfterMs?: number) =>
    vi
      .spyOn(app.nest.get(ConnectionAdmission), 'enter')
      .mockRejectedValueOnce(new DomainError(code, 'Later.', { retryAfterMs }));

  it.each([
    ['unavailable', 1_000],
    ['server_draining', undefined],
    ['rate_limited', 60_000],
    ['internal_error', undefined],
  ] as const)('is requested by an error event with a retry time after the error %s', async (code, retryAfterMs) => {
    refuseOnce(code, retryAfterMs);
    const answer = await fetch(`${app.url}/v1/stream?apiKey=${key}`);
    expect([answer.status, answer.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    expect(answer.headers.get('connection')).toBe('close');
    const [, retry, data = ''] = /^retry: (\d+)\n\nevent: error\ndata: (.*)\n\n$/.exec(await answer.text()) ?? [];
    expect(JSON.parse(data)).toEqual({ code, message: 'Later.', retryable: true, retryAfterMs: Number(retry) });
  });

  it('is not requested behind a proxy: the response is a plain 503', async () => {
    refuseOnce('server_draining', 2_000);
    const trust = vi.spyOn(app.nest.get(Settings), 'trustProxy', 'get').mockReturnValue(1);
    const answer = await fetch(`${app.url}/v1/stream?apiKey=${key}`);
    trust.mockRestore();
    expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '2']);
    expect(await answer.json()).toMatchObject({ code: 'server_draining' });
  });

  it('happens at different times because `retry` differs between clients', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => raw(`apiKey=${key}`, {}, (text) => text.includes('connected'))),
    );
    const times = new Set(answers.map(({ text }) => /^retry: (\d+)\n/.exec(text)?.[1]));
    expect(times.size).toBeGreaterThan(15);
    expect(Math.max(...[...times].map(Number)) - Math.min(...[...times].map(Number))).toBeGreaterThan(1_000);
  });

  it('continues in an `EventSource` after a temporary refusal and stops after a wrong key', async () => {
    refuseOnce('unavailable');
    const source = new EventSource(`${app.url}/v1/stream?apiKey=${key}`);
    const ready = new Promise((resolve) => source.addEventListener('ready', resolve));
    await ready;
    source.close();
    const refused = new EventSource(`${app.url}/v1/stream?apiKey=rta_wrong_key`);
    await new Promise((resolve) => refused.addEventListener('error', resolve));
    expect(refused.readyState).toBe(EventSource.CLOSED);
  });
});

describe('the end of an event stream', () => {
  it('is announced by an error event when the key is revoked', async () => {
    const fields = { userId: 'short', role: 'reader', tier: 'pro' };
    const made = await admin<{ id: string; key: string }>(app, 'POST', '/v1/admin/api-keys', fields);
    const client = await StreamClient.ready(app.url, `apiKey=${made.key}`);
    clients.add(client);
    await admin(app, 'DELETE', `/v1/admin/api-keys/${made.id}`);
    expect((await client.next('error')).body).toMatchObject({ code: 'invalid_api_key' });
  });

  it('is announced by `server_draining` when the server stops, without delaying the stop', async () => {
    const other = await createTestApp();
    const client = new StreamClient(other.url, `apiKey=${await other.key()}`);
    clients.add(client);
    await client.next('ready');
    await other.close();
    expect(client.named('server_draining')).toHaveLength(1);
    client.close();
  });
});
