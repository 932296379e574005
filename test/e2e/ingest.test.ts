import { request as httpRequest } from 'node:http';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { IngestClient } from '../support/clients/ingest-client.js';

describe('the ingest API', () => {
  let app: TestApp;
  let api: IngestClient;

  beforeAll(async () => {
    app = await createTestApp();
    api = await IngestClient.of(app);
  });

  afterAll(() => app.close());

  it('stores the canonical chain name and returns a cursor at or after the published change', async () => {
    const first = await api.ingest('tvl', [
      { protocol: 'cursor-swap', chain: 'Binance', tvl: 1_000, tags: ['a "b"', 'c\\'] },
    ]);
    expect(first).toMatchObject({ accepted: 1, rejected: [], rejectedCount: 0 });
    const second = await api.ingest('tvl', [{ protocol: 'cursor-swap', chain: 'bsc', tvl: 1_100 }]);
    expect(second.cursor > first.cursor).toBe(true);
    expect(await api.events(first.cursor, '&protocol=cursor-swap')).toMatchObject([{ eventType: 'tvl_change' }]);
    expect(await api.events(second.cursor, '&protocol=cursor-swap')).toEqual([]);
    const { rows } = await app.db.pool.query(
      `SELECT chain, tvl, source FROM protocol_tvl WHERE protocol = 'cursor-swap'`,
    );
    expect(rows).toEqual([{ chain: 'bsc', tvl: 1_100, source: 'ingest' }]);
  });

  it('rejects invalid items and accepts the valid items of the same request', async () => {
    const old = new Date(Date.now() - 3_600_000).toISOString();
    await api.ingest('prices', [{ token: 'known', price: 1 }]);
    const answer = await api.ingest('prices', [
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
    const answer = await api.ingest(
      'protocols',
      slugs.map((slug) => ({ slug, name: slug, metadata: slug === 'too-long' ? long : {} })),
    );
    expect(answer).toMatchObject({ accepted: 4, rejected: [{ index: 2, code: 'invalid_format' }], rejectedCount: 1 });
  });

  it('changes the given fields of a protocol and keeps the other fields', async () => {
    await api.ingest('protocols', [
      {
        slug: 'kept',
        name: 'Kept',
        category: 'Dexs',
        chains: ['Ethereum', 'eth', 'xDai'],
        metadata: { status: 'live' },
      },
    ]);
    const answer = await api.ingest('protocols', [
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
    const answer = await api.stream('prices', `${lines.join('\n')}\n\n`);
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
        headers: { authorization: `Bearer ${api.writer}`, 'content-type': 'application/x-ndjson' },
      });
      broken.on('error', () => resolve());
      broken.write('{"protocol": "half", "chain": "a", "tvl": 1}\n{"proto', () => broken.destroy(new Error('gone')));
    });
    const alive = await api.ingest('tvl', [{ protocol: 'after-the-break', chain: 'a', tvl: 1 }]);
    expect(alive.accepted).toBe(1);
  });

  it('refuses a body without a list of items and a list that is too long', async () => {
    const code = async (response: Promise<Response>): Promise<string> => {
      const answer = await response;
      return `${answer.status} ${((await answer.json()) as { code: string }).code}`;
    };
    const many = JSON.stringify({ items: Array.from({ length: 10_001 }, () => 0) });
    expect(await code(api.post('/v1/ingest/tvl', '{"items": {}}'))).toBe('400 invalid_request');
    expect(await code(api.post('/v1/ingest/tvl', '{"items": [], "more": 1}'))).toBe('400 invalid_request');
    expect(await code(api.post('/v1/ingest/tvl', '[]'))).toBe('400 invalid_request');
    expect(await code(api.post('/v1/ingest/tvl', 'a,b', { 'content-type': 'text/csv' }))).toBe('400 invalid_request');
    expect(await code(api.post('/v1/ingest/tvl', many))).toBe('422 limit_exceeded');
    const packed = { 'content-type': 'application/x-ndjson', 'content-encoding': 'gzip' };
    expect(await code(api.post('/v1/ingest/tvl', 'x', packed))).toBe('400 invalid_request');
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
          headers: { authorization: `Bearer ${api.writer}`, 'content-type': type, ...headers },
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
    const answer = await api.ingest('tvl', [
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

  it('refuses readers and requests without a key', async () => {
    const body = JSON.stringify({ items: [] });
    const asReader = { authorization: `Bearer ${api.reader}` };
    expect((await api.post('/v1/ingest/tvl', body, asReader)).status).toBe(403);
    expect((await api.post('/v1/events', '{}', asReader)).status).toBe(403);
    expect((await api.post('/v1/ingest/tvl', body, { authorization: '' })).status).toBe(401);
  });

  it('gives events the id of the request that caused them', async () => {
    const { cursor } = await api.ingest('tvl', [{ protocol: 'traced', chain: 'a', tvl: 10 }]);
    const body = JSON.stringify({ items: [{ protocol: 'traced', chain: 'a', tvl: 20 }] });
    await api.post('/v1/ingest/tvl', body, { 'x-request-id': 'my-request-1' });
    expect(await api.events(cursor, '&protocol=traced')).toMatchObject([{ correlationId: 'my-request-1' }]);
  });

  it('never deadlocks when many requests write the same keys in different orders', async () => {
    const items = Array.from({ length: 300 }, (_, index) => ({
      protocol: `shared-${index}`,
      chain: 'a',
      tvl: index + 1,
    }));
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, turn) =>
        api.ingest(
          'tvl',
          items.map((_, index) => ({ ...items[(index * 7 + turn * 13) % 300], tvl: 1 + turn + index })),
        ),
      ),
    );
    for (const { accepted, rejectedCount } of answers) expect(accepted + rejectedCount).toBe(300);
  });
});
