import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { IngestClient } from '../support/clients/ingest-client.js';
import { PlainClient } from '../support/clients/plain-client.js';

let app: TestApp;

beforeAll(async () => {
  app = await createTestApp();
});

afterAll(() => app.close());

describe('the ingest API', () => {
  let api: IngestClient;

  beforeAll(async () => {
    api = await IngestClient.of(app);
  });

  it.each(['ingest', 'SQL'])(
    'a slug with capitals, written by %s, is found in any spelling by every route',
    async (way) => {
      const [slug, spelling] = [`curve-${way.toLowerCase()}`, `Curve-${way.toUpperCase()}`];
      const write = (tvl: number): Promise<unknown> =>
        way === 'ingest'
          ? api.ingest('tvl', [{ protocol: spelling, chain: 'Ethereum', tvl }])
          : new MarketWriter(app.db.pool).tvl(spelling, 'ethereum', tvl);
      const headers = { authorization: `Bearer ${api.writer}`, 'content-type': 'application/json' };
      const condition = { protocol: spelling, metric: 'tvl', operator: 'gt', threshold: 150 };
      const rule = { name: spelling, conditions: [condition], throttleMinutes: 0 };
      expect((await api.post('/v1/alerts/rules', JSON.stringify(rule))).status).toBe(201);
      await write(100);
      const client = await PlainClient.connect(app.url, api.reader);
      await client.ask(
        { type: 'subscribe', channels: ['tvl'], filters: { protocolIds: [spelling] } },
        'subscription_result',
      );
      await write(200);
      expect(await client.next('tvl_update')).toMatchObject({ data: { protocol: slug, currentTvl: 200 } });
      await client.close();

      const get = async (path: string): Promise<unknown> => (await fetch(`${app.url}${path}`, { headers })).json();
      for (const name of [slug, spelling, spelling.toUpperCase()]) {
        expect(await get(`/v1/tvl/${name}`)).toMatchObject({ protocol: slug, tvl: 200 });
        expect(await get(`/v1/protocols/${name}`)).toMatchObject({ protocol: slug });
        expect(await get(`/tvl/${name}`)).toBe(200);
        expect(await get(`/v1/events?protocol=${name}&types=tvl_change`)).toMatchObject({ data: [{ protocol: slug }] });
        const query = { filters: { protocols: [name] } };
        const answer = await api.post('/v1/query/advanced', JSON.stringify(query));
        expect(await answer.json()).toMatchObject({ data: [{ protocol: slug, tvl: 200 }] });
      }
      await expect
        .poll(async () => get('/v1/alerts/history'), { timeout: 10_000 })
        .toMatchObject({ data: expect.arrayContaining([expect.objectContaining({ name: spelling, protocol: slug })]) });
    },
  );

  it('refuses impossible dates and Unix seconds, with their position, on every route', async () => {
    const admin = await app.key({ role: 'admin' });
    const answerTo = async (method: string, path: string, body?: object): Promise<unknown[]> => {
      const response = await fetch(`${app.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${admin}`, 'content-type': 'application/json' },
        ...(body && { body: JSON.stringify(body) }),
      });
      const { errors } = (await response.json()) as { errors?: { pointer: string; detail: string }[] };
      return [response.status, ...(errors ?? []).map(({ pointer, detail }) => `${pointer}: ${detail}`)];
    };
    const rule = {
      name: 'dated',
      conditions: [{ token: 'x', metric: 'price', operator: 'gt', threshold: 1 }],
      actions: [],
    };
    const places: [method: string, path: string, pointer: string, body?: (time: string) => object][] = [
      ['GET', '/v1/tvl/dated/history?from=', '?from'],
      ['GET', '/v1/prices/dated/history?to=', '?to'],
      ['GET', '/v1/alerts/history?from=', '?from'],
      ['GET', '/v1/notifications/deliveries?from=', '?from'],
      ['GET', '/v1/admin/audit?from=', '?from'],
      ['POST', '/v1/query/advanced', '/time/from', (from) => ({ time: { from } })],
      ['POST', '/v1/alerts/rules', '/snoozedUntil', (snoozedUntil) => ({ ...rule, snoozedUntil })],
      ['POST', '/v1/alerts/rules/backtest', '/from', (from) => ({ rule, from })],
      ['POST', '/v1/admin/api-keys', '/expiresAt', (expiresAt) => ({ userId: 'dated', role: 'reader', expiresAt })],
      ['POST', '/v1/events', '/observedAt', (observedAt) => ({ eventType: 'emission', data: {}, observedAt })],
    ];
    for (const [method, path, pointer, body] of places) {
      for (const [time, fault] of [
        ['2026-02-30T00:00:00Z', '2026-02-30'],
        ['1700000000', 'Unix seconds'],
      ] as const) {
        const answer = body ? await answerTo(method, path, body(time)) : await answerTo(method, `${path}${time}`);
        expect([path, ...answer]).toEqual([
          path,
          400,
          expect.stringMatching(new RegExp(`^${pointer.replace('?', '\\?')}: .*${fault}`)),
        ]);
      }
    }
  });

  describe('`POST /v1/events`', () => {
    const liquidation = { eventType: 'liquidation', protocol: 'aave-v3', chain: 'eth', data: { amountUsd: 125_000 } };
    const send = (body: unknown, headers = {}): Promise<Response> =>
      api.post('/v1/events', JSON.stringify(body), headers);

    it('adds the event to the log', async () => {
      const { cursor } = await api.ingest('tvl', []);
      const response = await send(liquidation);
      expect(response.status).toBe(201);
      expect(await response.json()).toMatchObject({ created: true });
      expect(await api.events(cursor, '&types=liquidation')).toMatchObject([
        {
          eventType: 'liquidation',
          protocol: 'aave-v3',
          chain: 'ethereum',
          data: { amountUsd: 125_000 },
          source: 'api',
        },
      ]);
    });

    it('adds an event once per `Idempotency-Key` and refuses the key for another event', async () => {
      const { cursor } = await api.ingest('tvl', []);
      const key = { 'idempotency-key': 'liquidation-1' };
      const answers = await Promise.all([send(liquidation, key), send(liquidation, key), send(liquidation, key)]);
      const created = await Promise.all(
        answers.map(async (answer) => ((await answer.json()) as { created: boolean }).created),
      );
      expect(created.filter(Boolean)).toHaveLength(1);
      expect((await send({ ...liquidation, chain: 'base' }, key)).status).toBe(409);
      expect(await api.events(cursor, '&types=liquidation')).toHaveLength(1);
    });

    it.each([
      ['another type', { ...liquidation, eventType: 'alert' }],
      ['no data', { eventType: 'governance' }],
      ['data that is a list', { ...liquidation, data: [1] }],
      ['data that is too large', { ...liquidation, data: { text: 'x'.repeat(40_000) } }],
      [
        'data that is too deep',
        { ...liquidation, data: JSON.parse('{"a":'.repeat(20) + '1' + '}'.repeat(20)) as object },
      ],
      ['a NUL character', { ...liquidation, data: { text: 'a\u0000' } }],
      ['a time ahead', { ...liquidation, observedAt: Date.now() + 900_000 }],
      ['white space in a key', { ...liquidation, token: 'two words' }],
    ])('refuses an invalid event: %s', async (_, body) => {
      const response = await send(body);
      expect(response.status).toBe(400);
      expect(((await response.json()) as { code: string }).code).toBe('invalid_request');
    });
  });
});

describe('dead letters in the admin API', () => {
  beforeAll(async () => {
    await app.db.pool.query(
      `INSERT INTO dead_letters (reader, epoch, seq, event, reason, failures)
       VALUES ('gone', 'e1', 1, '{"seq": 1, "type": "governance"}', 'Error: no', 5)`,
    );
  });

  const call = (path: string, method = 'GET', key = app.adminKey): Promise<Response> =>
    fetch(`${app.url}/v1/admin/dead-letters${path}`, { method, headers: { authorization: `Bearer ${key}` } });

  it('are listed as CSV', async () => {
    const answer = await fetch(`${app.url}/v1/admin/dead-letters`, {
      headers: { authorization: `Bearer ${app.adminKey}`, accept: 'text/csv' },
    });
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(await answer.text()).toMatch(/^id,reader,reason,.*\r\n\d+,gone,Error: no,5,/);
  });

  it('are listed with their reason and can be discarded; a retry for an unknown reader fails', async () => {
    const { data } = (await (await call('?limit=5&reader=gone')).json()) as { data: { id: string }[] };
    expect(data).toMatchObject([{ reader: 'gone', reason: 'Error: no', failures: 5, event: { type: 'governance' } }]);
    const id = data[0]?.id ?? '';
    expect((await call(`/${id}/retry`, 'POST')).status).toBe(409);
    expect((await call(`/${id}`, 'DELETE')).status).toBe(204);
    expect((await call(`/${id}`, 'DELETE')).status).toBe(404);
    const { rows } = await app.db.pool.query(
      `SELECT action, subject, outcome, detail ->> 'code' AS code FROM audit_log
       WHERE actor = 'key:testadmin' AND action IN ('dead_letter.retry', 'dead_letter.discard') ORDER BY id`,
    );
    expect(rows).toEqual([
      { action: 'dead_letter.retry', subject: id, outcome: 'refused', code: 'conflict' },
      { action: 'dead_letter.discard', subject: id, outcome: 'ok', code: null },
      { action: 'dead_letter.discard', subject: id, outcome: 'refused', code: 'not_found' },
    ]);
  });

  it('are available to admins only, and invalid parameters are refused', async () => {
    expect((await call('', 'GET', await app.key({ role: 'writer' }))).status).toBe(403);
    expect((await call('?limit=0')).status).toBe(400);
    const cursor = await call('?cursor=x');
    expect(cursor.status).toBe(400);
    expect(await cursor.json()).toMatchObject({
      detail: 'cursor must be a cursor of this list; omit it to start with the first page',
    });
    expect((await call('?reader=%00')).status).toBe(400);
    expect((await call('/x/retry', 'POST')).status).toBe(400);
  });
});
