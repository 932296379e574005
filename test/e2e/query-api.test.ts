import { once } from 'node:events';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { REQUEST_EXAMPLES } from '../../src/query/query.examples.js';
import { createTestApp, type TestApp } from '../support/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  // oxlint-disable-next-line typescript/no-explicit-any -- answers are read and compared as a whole
  body: any;
}

/** As printed in the specification. */
const PRINTED = {
  filters: {
    protocols: ['uniswap-v3', 'aave-v3'],
    chains: ['ethereum', 'polygon'],
    tvl_range: { min: 1_000_000, max: 10_000_000_000 },
    change_24h: { min: -0.1, max: 0.1 },
  },
  aggregations: [{ field: 'tvl', operation: 'sum', group_by: 'chain' }],
  sort: { field: 'tvl', order: 'desc' },
  limit: 100,
};

let app: TestApp;
let key: string;

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
  const { pool } = app.db;
  await pool.query(
    `INSERT INTO protocols (slug, name, category) VALUES ('uniswap-v3', 'Uniswap V3', 'Dexs'), ('aave-v3', 'Aave V3', 'Lending')`,
  );
  await pool.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) VALUES
    ('uniswap-v3', 'ethereum', 3e9), ('uniswap-v3', 'polygon', 2e8), ('uniswap-v3', 'base', 5e8),
    ('aave-v3', 'ethereum', 9e9), ('aave-v3', 'polygon', 4e8), ('aave-v3', 'staking', 1e9), ('curve', 'ethereum', 2e9)`);
  await pool.query(
    `INSERT INTO token_prices (token, symbol, price, volume_24h, market_cap) VALUES ('bitcoin', 'BTC', 100000, 5e10, 2e12), ('dai', 'DAI', 1, 1e8, 5e9)`,
  );
  await waitFor(async () => (await pool.query('SELECT FROM metric_series')).rowCount === 9);
  // A day ago: aave on polygon was worth half, curve nothing is known of.
  await pool.query(`INSERT INTO metric_points (series_id, at, value)
    SELECT s.id, now() - interval '25 hours', CASE WHEN s.subject = 'aave-v3' AND s.chain = 'polygon' THEN 2e8 ELSE r.tvl * 1.05 END
    FROM metric_series s JOIN protocol_tvl r ON r.protocol = s.subject AND r.chain = s.chain WHERE s.subject <> 'curve'`);
});
afterAll(() => app?.close());

async function ask(
  body: unknown,
  { method = 'POST', headers = {} }: { method?: string; headers?: Record<string, string> } = {},
): Promise<Answer> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const request = httpRequest(`${app.url}/v1/query/advanced`, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      ...headers,
    },
  });
  request.end(text);
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  const chunks = await answer.toArray();
  const given = Buffer.concat(chunks as Buffer[]).toString('utf8');
  const isJson = /json/.test(answer.headers['content-type'] ?? '');
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: isJson ? JSON.parse(given) : given };
}

async function rows(body: unknown): Promise<Record<string, unknown>[]> {
  const { status, body: answer } = await ask(body);
  expect(answer).toMatchObject({ page: {} });
  expect(status).toBe(200);
  return answer.data;
}

describe('advanced queries', () => {
  it('answer the printed request as it stands', async () => {
    const { status, body } = await ask(PRINTED);
    expect(status).toBe(200);
    // aave on polygon has doubled, which is more than a tenth.
    expect(body).toEqual({
      data: [
        { chain: 'ethereum', sum_tvl: 12e9 },
        { chain: 'polygon', sum_tvl: 2e8 },
      ],
      page: { next_cursor: null, has_more: false },
      meta: {
        as_of: expect.stringMatching(/^\d{4}-.*Z$/),
        took_ms: expect.any(Number),
        cache: 'miss',
        source: 'current',
        cursor: expect.any(String),
        excluded: 0,
      },
    });
  });

  it('count what only fails a range of changes for want of history', async () => {
    const { body } = await ask({ filters: { chains: ['ethereum'], change_24h: { min: -1 } } });
    expect(body.data.map((row: { protocol: string }) => row.protocol)).toEqual(['aave-v3', 'uniswap-v3']);
    expect(body.meta.excluded).toBe(1);
  });

  it.each(Object.entries(REQUEST_EXAMPLES))('answer the documented example %s', async (_, { value }) => {
    const { status, body } = await ask(value);
    expect([status, body.code, body.errors]).toEqual([200, undefined, undefined]);
  });

  it('understand trees, and give missing values their due', async () => {
    const where = {
      and: [
        { not: { field: 'category', op: 'eq', value: 'Dexs' } },
        { field: 'chain', op: 'in', value: ['Ethereum', 'Binance'] },
      ],
    };
    expect((await rows({ where })).map(({ protocol }) => protocol)).toEqual(['aave-v3', 'curve']);
    expect(await rows({ where: { field: 'category', op: 'ne', value: 'Dexs' } })).toHaveLength(2);
  });

  it('read prices, protocols and the log', async () => {
    expect((await rows({ dataset: 'prices', filters: { tokens: ['coingecko:Bitcoin'] } }))[0]).toMatchObject({
      token: 'bitcoin',
      price: 100_000,
      volume_24h: 5e10,
    });
    expect((await rows({ dataset: 'protocols', filters: { categories: ['Lending'] } }))[0]).toMatchObject({
      protocol: 'aave-v3',
      tvl: 9.4e9,
    });
    expect(await rows({ dataset: 'events', filters: { protocols: ['aave-v3'] } })).toMatchObject([
      { event_type: 'protocol_update' },
    ]);
  });

  it('never show the rows of others', async () => {
    await app.db.pool.query(`SELECT append_events('[{"type": "alert", "owner": "alice", "data": {"ruleId": "r1"}}]')`);
    const alice = await app.key({ userId: 'alice' });
    const alerts = { dataset: 'events', where: { field: 'event_type', op: 'eq', value: 'alert' } };
    await waitFor(
      async () => (await ask(alerts, { headers: { authorization: `Bearer ${alice}` } })).body.data.length === 1,
    );
    expect(await rows(alerts)).toEqual([]);
  });

  it('give pages that join, in a stable order, also where values tie', async () => {
    await app.db.pool.query(
      `INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'many-' || i, 'solana', i % 7 FROM generate_series(1, 250) AS i`,
    );
    const query = { filters: { chains: ['solana'] }, sort: [{ field: 'tvl', order: 'desc' }], limit: 40 };
    const seen: unknown[] = [];
    let cursor: string | undefined;
    do {
      const { body } = await ask({ ...query, cursor });
      seen.push(...body.data.map((row: { protocol: string }) => row.protocol));
      expect(body.page.has_more).toBe(body.page.next_cursor !== null);
      cursor = body.page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(seen).toHaveLength(250);
    expect(new Set(seen).size).toBe(250);
    const groups = {
      filters: { chains: ['solana'] },
      aggregations: [{ operation: 'count', group_by: 'protocol' }],
      limit: 100,
    };
    const first = await ask(groups);
    const second = await ask({ ...groups, cursor: first.body.page.next_cursor });
    expect(second.body.data).toHaveLength(100);
    expect(first.body.data).not.toEqual(expect.arrayContaining([second.body.data[0]]));
  });

  it('explain instead of answering', async () => {
    const { body } = await ask({
      time: { from: 'now-30d', bucket: '1d' },
      aggregations: [{ field: 'tvl', operation: 'sum' }],
      explain: true,
    });
    expect(body).toMatchObject({
      data: [],
      explain: { source: expect.stringContaining('daily'), class: expect.any(String), percentiles: 'exact' },
    });
  });

  it('are known again: a hit, and 304 for whoever has it, by QUERY', async () => {
    const query = { filters: { protocols: ['curve'] } };
    const first = await ask(query, { method: 'QUERY' });
    expect([first.status, first.body.meta.cache]).toEqual([200, 'miss']);
    const again = await ask(query, { method: 'QUERY', headers: { 'if-none-match': String(first.headers['etag']) } });
    expect([again.status, again.body]).toEqual([304, '']);
    expect((await ask({ filters: { protocols: ['curve'], chains: [] } })).body.meta.cache).toBe('hit');
  });

  it('know what was published before, whatever the cache holds', async () => {
    const query = { filters: { protocols: ['curve'] } };
    const writer = await app.key({ role: 'writer' });
    for (let tvl = 3e9; tvl < 4e9; tvl += 1e8) {
      const answer = await fetch(`${app.url}/v1/ingest/tvl`, {
        method: 'POST',
        headers: { authorization: `Bearer ${writer}`, 'content-type': 'application/json' },
        body: JSON.stringify({ items: [{ protocol: 'curve', chain: 'ethereum', tvl }] }),
      });
      const { cursor } = (await answer.json()) as { cursor: string };
      expect((await rows({ ...query, at_least: cursor }))[0]?.['tvl']).toBe(tvl);
      const series = {
        ...query,
        time: { from: 'now-1h' },
        sort: { field: 'time', order: 'desc' },
        limit: 1,
        at_least: cursor,
      };
      expect((await rows(series))[0]?.['tvl']).toBe(tvl);
    }
  });

  it('come as CSV', async () => {
    const { body, headers } = await ask(
      { ...PRINTED, filters: { chains: ['base'] } },
      { headers: { accept: 'text/csv' } },
    );
    expect(headers['content-type']).toContain('text/csv');
    expect(String(body).trim().split(/\r?\n/)).toEqual(['chain,sum_tvl', 'base,500000000']);
  });

  it('need a key', async () => {
    expect((await ask({}, { headers: { authorization: '' } })).body.code).toBe('missing_api_key');
  });
});
