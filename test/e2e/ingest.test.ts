import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { PlainClient } from '../support/clients/plain-client.js';

interface Answer {
  accepted: number;
  rejected: { index: number; code: string; detail: string }[];
  rejectedCount: number;
  cursor: string;
}

describe('the ingest API', () => {
  let app: TestApp;
  let writer: string;
  let reader: string;

  beforeAll(async () => {
    app = await createTestApp();
    [writer, reader] = await Promise.all([app.key({ role: 'writer' }), app.key({ role: 'reader' })]);
  });

  afterAll(() => app.close());

  const post = (path: string, body: string, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${app.url}${path}`, {
      method: 'POST',
      body,
      headers: { authorization: `Bearer ${writer}`, 'content-type': 'application/json', ...headers },
    });
  const ingest = async (kind: string, items: unknown[]): Promise<Answer> => {
    const response = await post(`/v1/ingest/${kind}`, JSON.stringify({ items }));
    expect(response.status).toBe(200);
    return (await response.json()) as Answer;
  };
  const stream = async (kind: string, lines: string): Promise<Answer> => {
    const response = await post(`/v1/ingest/${kind}`, lines, { 'content-type': 'application/x-ndjson' });
    expect(response.status).toBe(200);
    return (await response.json()) as Answer;
  };
  const events = async (since: string, filter = ''): Promise<{ eventType: string; correlationId?: string }[]> => {
    const answer = await fetch(`${app.url}/v1/events?since=${since}${filter}`, {
      headers: { authorization: `Bearer ${reader}` },
    });
    return ((await answer.json()) as { data: { eventType: string; correlationId?: string }[] }).data;
  };

  it('stores the canonical chain name and returns a cursor at or after the published change', async () => {
    const first = await ingest('tvl', [
      { protocol: 'cursor-swap', chain: 'Binance', tvl: 1_000, tags: ['a "b"', 'c\\'] },
    ]);
    expect(first).toMatchObject({ accepted: 1, rejected: [], rejectedCount: 0 });
    const second = await ingest('tvl', [{ protocol: 'cursor-swap', chain: 'bsc', tvl: 1_100 }]);
    expect(second.cursor > first.cursor).toBe(true);
    expect(await events(first.cursor, '&protocol=cursor-swap')).toMatchObject([{ eventType: 'tvl_change' }]);
    expect(await events(second.cursor, '&protocol=cursor-swap')).toEqual([]);
    const { rows } = await app.db.pool.query(
      `SELECT chain, tvl, source FROM protocol_tvl WHERE protocol = 'cursor-swap'`,
    );
    expect(rows).toEqual([{ chain: 'bsc', tvl: 1_100, source: 'ingest' }]);
  });

  it('rejects invalid items and accepts the valid items of the same request', async () => {
    const old = new Date(Date.now() - 3_600_000).toISOString();
    await ingest('prices', [{ token: 'known', price: 1 }]);
    const answer = await ingest('prices', [
      { token: 'good', price: 1, volume24h: 5, market_cap: 6, symbol: 'G', chain: 'eth' },
      { token: 'good', price: 2, volume_24h: 5 },
      { token: 'known', price: 2, observedAt: old },
      { token: 'future', price: 2, observedAt: Date.now() + 600_000 },
      { token: 'negative', price: -1 },
      { token: 'text', price: '1' },
      { price: 1 },
      { token: 'with space', price: 1 },
      { token: 'unknown-field', price: 1, cost: 2 },
      'not an object',
      null,
      [1],
      { token: 'nul\u0000', price: 1 },
      { token: 'no-price' },
      { token: 'time', price: 1, observedAt: 'yesterday' },
      { token: 'sure', price: 1, confidence: 2 },
      { token: 'tags', price: 1, tags: 'a' },
      { token: 'x'.repeat(129), price: 1 },
    ]);
    expect(answer.accepted).toBe(1);
    expect(answer.rejected.map(({ index, code }) => `${index} ${code}`)).toEqual([
      '0 superseded',
      '2 stale',
      '3 in_future',
      '4 out_of_range',
      '5 invalid_type',
      '6 required',
      '7 invalid_format',
      '8 unknown_field',
      '9 invalid_type',
      '10 invalid_type',
      '11 invalid_type',
      '12 invalid_format',
      '13 required',
      '14 invalid_format',
      '15 out_of_range',
      '16 invalid_type',
      '17 too_long',
    ]);
    const { rows } = await app.db.pool.query(`SELECT token, price FROM token_prices WHERE token IN ('good', 'known')`);
    expect(rows.sort((a, b) => (a.token < b.token ? -1 : 1))).toEqual([
      { token: 'good', price: 2 },
      { token: 'known', price: 1 },
    ]);
  });

  it('rejects an item refused by the database and writes the other items', async () => {
    // Short as JSON, but PostgreSQL stores such numbers with all digits, which exceeds the limit for metadata.
    const long = { numbers: Array.from({ length: 300 }, () => 1e300) };
    const slugs = ['fine-1', 'fine-2', 'too-long', 'fine-3', 'fine-4'];
    const answer = await ingest(
      'protocols',
      slugs.map((slug) => ({ slug, name: slug, metadata: slug === 'too-long' ? long : {} })),
    );
    expect(answer).toMatchObject({ accepted: 4, rejected: [{ index: 2, code: 'invalid_format' }], rejectedCount: 1 });
  });

  it('changes the given fields of a protocol and keeps the other fields', async () => {
    await ingest('protocols', [
      {
        slug: 'kept',
        name: 'Kept',
        category: 'Dexs',
        chains: ['Ethereum', 'eth', 'xDai'],
        metadata: { status: 'live' },
      },
    ]);
    const answer = await ingest('protocols', [
      { slug: 'kept', name: 'Kept 2', url: 'https://kept.example' },
      { slug: 'bad', name: '' },
      { slug: 'bad', name: 'Bad', metadata: [] },
      { slug: 'bad', name: 'Bad', metadata: { a: 'x\u0000' } },
      { slug: 'bad', name: 'Bad', metadata: { a: 'x'.repeat(40_000) } },
      { slug: 'bad', name: 'Bad', chains: 'ethereum' },
    ]);
    expect(answer.rejected.map(({ code }) => code)).toEqual([
      'required',
      'invalid_type',
      'invalid_format',
      'too_long',
      'invalid_type',
    ]);
    const { rows } = await app.db.pool.query(
      `SELECT name, category, chains, metadata, url FROM protocols WHERE slug = 'kept'`,
    );
    expect(rows).toEqual([
      {
        name: 'Kept 2',
        category: 'Dexs',
        chains: ['ethereum', 'gnosis'],
        metadata: { status: 'live' },
        url: 'https://kept.example',
      },
    ]);
  });

  it('reads a stream of 12,001 lines and rejects only the broken line', async () => {
    const lines = Array.from({ length: 12_001 }, (_, index) =>
      index === 6_000 ? '{"token": broken' : JSON.stringify({ token: `streamed-${index}`, price: index + 1 }),
    );
    const answer = await stream('prices', `${lines.join('\n')}\n\n`);
    expect(answer).toMatchObject({
      accepted: 12_000,
      rejected: [{ index: 6_000, code: 'invalid_type' }],
      rejectedCount: 1,
    });
    const { rows } = await app.db.pool.query(
      `SELECT count(*)::int AS n FROM token_prices WHERE token LIKE 'streamed-%'`,
    );
    expect(rows).toEqual([{ n: 12_000 }]);
  });

  it('keeps working after a stream is cut off', async () => {
    await new Promise<void>((resolve) => {
      const broken = httpRequest(`${app.url}/v1/ingest/tvl`, {
        method: 'POST',
        headers: { authorization: `Bearer ${writer}`, 'content-type': 'application/x-ndjson' },
      });
      broken.on('error', () => resolve());
      broken.write('{"protocol": "half", "chain": "a", "tvl": 1}\n{"proto', () => broken.destroy(new Error('gone')));
    });
    const alive = await ingest('tvl', [{ protocol: 'after-the-break', chain: 'a', tvl: 1 }]);
    expect(alive.accepted).toBe(1);
  });

  it('refuses a body without a list of items and a list that is too long', async () => {
    const code = async (response: Promise<Response>): Promise<string> => {
      const answer = await response;
      return `${answer.status} ${((await answer.json()) as { code: string }).code}`;
    };
    const many = JSON.stringify({ items: Array.from({ length: 10_001 }, () => 0) });
    expect(await code(post('/v1/ingest/tvl', '{"items": {}}'))).toBe('400 invalid_request');
    expect(await code(post('/v1/ingest/tvl', '{"items": [], "more": 1}'))).toBe('400 invalid_request');
    expect(await code(post('/v1/ingest/tvl', '[]'))).toBe('400 invalid_request');
    expect(await code(post('/v1/ingest/tvl', 'a,b', { 'content-type': 'text/csv' }))).toBe('400 invalid_request');
    expect(await code(post('/v1/ingest/tvl', many))).toBe('422 limit_exceeded');
    const packed = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
    expect(await code(post('/v1/ingest/tvl', 'x', packed))).toBe('400 invalid_request');
  });

  it.each(['application/x-ndjson', 'application/ndjson', 'application/jsonl; charset=utf-8'])(
    'reads one item per line as %s, also gzipped, and rejects long or non-UTF-8 lines',
    async (type) => {
      const good = (token: string): string => `${JSON.stringify({ token, price: 1 })}\n`;
      const body = Buffer.concat([
        Buffer.from(`${good('line-1')}${'x'.repeat(70_000)}\n`),
        Buffer.from('{"token": "caf\xe9", "price": 1}\n', 'latin1'),
        Buffer.from(good('line-2')),
      ]);
      for (const [bytes, headers] of [
        [body, {}],
        [gzipSync(body), { 'content-encoding': 'gzip' }],
      ] as const) {
        const response = await fetch(`${app.url}/v1/ingest/prices`, {
          method: 'POST',
          body: new Uint8Array(bytes),
          headers: { authorization: `Bearer ${writer}`, 'content-type': type, ...headers },
        });
        expect(response.status).toBe(200);
        expect(await response.json()).toMatchObject({
          accepted: 2,
          rejected: [
            { index: 1, code: 'too_long' },
            { index: 2, code: 'invalid_format' },
          ],
        });
      }
    },
  );

  it('rejects invalid names and invalid dates', async () => {
    const answer = await ingest('tvl', [
      { protocol: 'Uniswap V3', chain: 'ethereum', tvl: 1 },
      { protocol: 'Names-DEX', chain: 'RSK', tvl: 1 },
      { protocol: 'names-dex', chain: 'ethereum', tvl: 1, observedAt: '2026-02-30T00:00:00Z' },
      { protocol: 'names-dex', chain: 'ethereum', tvl: 1, observedAt: 1_700_000_000 },
    ]);
    expect(answer.rejected).toMatchObject([
      { index: 0, detail: expect.stringContaining('uniswap-v3') as string },
      { index: 2, detail: expect.stringContaining('2026-02-30') as string },
      { index: 3, detail: expect.stringContaining('Unix seconds') as string },
    ]);
    const { rows } = await app.db.pool.query(
      `SELECT protocol, chain FROM protocol_tvl WHERE protocol ILIKE 'names-dex'`,
    );
    expect(rows).toEqual([{ protocol: 'names-dex', chain: 'rootstock' }]);
  });

  it.each(['ingest', 'SQL'])(
    'a slug with capitals, written by %s, is found in any spelling by every route',
    async (way) => {
      const [slug, spelling] = [`curve-${way.toLowerCase()}`, `Curve-${way.toUpperCase()}`];
      const write = (tvl: number): Promise<unknown> =>
        way === 'ingest'
          ? ingest('tvl', [{ protocol: spelling, chain: 'Ethereum', tvl }])
          : app.db.pool.query(
              `INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES ($1, 'ethereum', $2)
             ON CONFLICT (protocol, chain) DO UPDATE SET tvl = excluded.tvl, observed_at = now()`,
              [spelling, tvl],
            );
      const headers = { authorization: `Bearer ${writer}`, 'content-type': 'application/json' };
      const condition = { protocol: spelling, metric: 'tvl', operator: 'gt', threshold: 150 };
      const rule = { name: spelling, conditions: [condition], throttleMinutes: 0 };
      expect((await post('/v1/alerts/rules', JSON.stringify(rule))).status).toBe(201);
      await write(100);
      const client = await PlainClient.connect(app.url, reader);
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
        const answer = await post('/v1/query/advanced', JSON.stringify(query));
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

  it('refuses readers and requests without a key', async () => {
    const body = JSON.stringify({ items: [] });
    const asReader = { authorization: `Bearer ${reader}` };
    expect((await post('/v1/ingest/tvl', body, asReader)).status).toBe(403);
    expect((await post('/v1/events', '{}', asReader)).status).toBe(403);
    expect((await post('/v1/ingest/tvl', body, { authorization: '' })).status).toBe(401);
  });

  it('gives events the id of the request that caused them', async () => {
    const { cursor } = await ingest('tvl', [{ protocol: 'traced', chain: 'a', tvl: 10 }]);
    const body = JSON.stringify({ items: [{ protocol: 'traced', chain: 'a', tvl: 20 }] });
    await post('/v1/ingest/tvl', body, { 'x-request-id': 'my-request-1' });
    expect(await events(cursor, '&protocol=traced')).toMatchObject([{ correlationId: 'my-request-1' }]);
  });

  it('never deadlocks when many requests write the same keys in different orders', async () => {
    const items = Array.from({ length: 300 }, (_, index) => ({
      protocol: `shared-${index}`,
      chain: 'a',
      tvl: index + 1,
    }));
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, turn) =>
        ingest(
          'tvl',
          items.map((_, index) => ({ ...items[(index * 7 + turn * 13) % 300], tvl: 1 + turn + index })),
        ),
      ),
    );
    for (const { accepted, rejectedCount } of answers) expect(accepted + rejectedCount).toBe(300);
  });

  describe('`POST /v1/events`', () => {
    const liquidation = { eventType: 'liquidation', protocol: 'aave-v3', chain: 'eth', data: { amountUsd: 125_000 } };
    const send = (body: unknown, headers = {}): Promise<Response> => post('/v1/events', JSON.stringify(body), headers);

    it('adds the event to the log', async () => {
      const { cursor } = await ingest('tvl', []);
      const response = await send(liquidation);
      expect(response.status).toBe(201);
      expect(await response.json()).toMatchObject({ created: true });
      expect(await events(cursor, '&types=liquidation')).toMatchObject([
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
      const { cursor } = await ingest('tvl', []);
      const key = { 'idempotency-key': 'liquidation-1' };
      const answers = await Promise.all([send(liquidation, key), send(liquidation, key), send(liquidation, key)]);
      const created = await Promise.all(
        answers.map(async (answer) => ((await answer.json()) as { created: boolean }).created),
      );
      expect(created.filter(Boolean)).toHaveLength(1);
      expect((await send({ ...liquidation, chain: 'base' }, key)).status).toBe(409);
      expect(await events(cursor, '&types=liquidation')).toHaveLength(1);
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
