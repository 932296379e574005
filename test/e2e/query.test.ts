import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { StoredFactsReader } from '../../src/query/execution/stored-facts.js';
import { REQUEST_EXAMPLES } from '../../src/query/query.examples.js';
import { HistoryBackfill } from '../../src/events/index.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { callApi, type RestAnswer } from '../support/clients/rest-caller.js';
import { waitFor } from '../support/wait-for.js';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

interface Answer extends RestAnswer {
  body: {
    data: Record<string, unknown>[];
    page: { next_cursor: string | null; has_more: boolean };
    meta: Record<string, unknown>;
    explain?: Record<string, unknown>;
    code?: string;
    errors?: { pointer: string; code: string; detail: string }[];
  };
}

/** The request in the published example. */
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
let market: MarketWriter;
let key: string;
/** Midnight two days ago: all buckets before it are complete. */
const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS - 2 * DAY_MS;
const iso = (at: number): string => new Date(at).toISOString();

beforeAll(async () => {
  app = await createTestApp({ settings: { LIMIT_API_REQUESTS: 'free=0,pro=0,enterprise=0' } });
  market = new MarketWriter(app.db.pool);
  key = await app.key();
  await market.protocol('aave-v3', 'Aave V3', { category: 'Lending', chains: ['ethereum', 'polygon'] });
  await market.protocol('uniswap-v3', 'Uniswap V3', { category: 'Dexs', chains: ['ethereum'] });
  await market.protocol('lido', 'Lido', { category: 'Liquid Staking', chains: ['ethereum'] });
  await market.chains('aave-v3', { ethereum: 3_000_000, polygon: 1_000_000, borrowed: 9_000_000 });
  await market.tvl('uniswap-v3', 'ethereum', 5_000_000);
  await market.tvl('lido', 'ethereum', 20_000_000);
  await market.tvl('total', 'all', 70);
  await market.price('bitcoin', 100, { symbol: 'BTC', chain: 'bitcoin' });
  const point = (subject: string, chain: string, at: number, value: number) => ({
    metric: 'tvl' as const,
    subject,
    chain,
    at,
    value,
  });
  await app.nest
    .get(HistoryBackfill)
    .insert([
      point('aave-v3', 'ethereum', Date.now() - DAY_MS - HOUR_MS, 2_900_000),
      point('aave-v3', 'polygon', Date.now() - DAY_MS - HOUR_MS, 1_000_000),
      point('uniswap-v3', 'ethereum', midnight, 10),
      point('uniswap-v3', 'ethereum', midnight + 600_000, 30),
      point('aave-v3', 'ethereum', midnight + 60_000, 5),
      point('aave-v3', 'ethereum', midnight + 2 * HOUR_MS, 7),
    ]);
  await waitFor(
    async () =>
      (await ask({ dataset: 'events', where: { field: 'event_type', op: 'eq', value: 'protocol_update' } })).body.data
        .length === 3,
  );
});
afterAll(() => app?.close());

const ask = (body: unknown, headers: Record<string, string> = {}, method = 'POST'): Promise<Answer> =>
  callApi(app, key, method, '/v1/query/advanced', body, headers);

describe('queries on current values', () => {
  test('filter rows before grouping in the example of the specification', async () => {
    const { status, body } = await ask(PRINTED);
    expect(status).toBe(200);
    // Uniswap's last recorded value is days old and far from its current value: it fails the range, but is not counted as
    // lacking history.
    expect(body).toEqual({
      data: [
        { chain: 'ethereum', sum_tvl: 3_000_000 },
        { chain: 'polygon', sum_tvl: 1_000_000 },
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
    expect(REQUEST_EXAMPLES['filters']?.value).toEqual(PRINTED);
  });

  test('count rows without history as `excluded` if a filter needs a change', async () => {
    const { body } = await ask({ filters: { chains: ['ethereum'], change_24h: { min: -1 } } });
    expect(body.data.map((row) => row['protocol'])).toEqual(['uniswap-v3', 'aave-v3']);
    expect(body.meta['excluded']).toBe(1);
  });

  test('read prices, protocols and events with the same request format', async () => {
    const prices = await ask({ dataset: 'prices', filters: { tokens: ['coingecko:Bitcoin'] } });
    expect(prices.body.data).toMatchObject([{ token: 'bitcoin', price: 100 }]);
    const protocols = await ask({ dataset: 'protocols', filters: { categories: ['Lending'] } });
    expect(protocols.body.data).toMatchObject([{ protocol: 'aave-v3', tvl: 4_000_000 }]);
    const events = await ask({ dataset: 'events', filters: { protocols: ['lido'] } });
    expect(events.body.data).toMatchObject([{ event_type: 'protocol_update' }]);
  });

  test('omit pseudo chains from totals unless a filter names them', async () => {
    const total = { aggregations: [{ field: 'tvl', operation: 'sum' }] };
    expect((await ask(total)).body.data).toEqual([{ sum_tvl: 29_000_070 }]);
    const named = { ...total, filters: { chains: ['borrowed'] } };
    expect((await ask(named)).body.data).toEqual([{ sum_tvl: 9_000_000 }]);
  });

  test('combine conditions with `and`, `not` and `like`', async () => {
    const { body } = await ask({
      where: {
        and: [
          { field: 'name', op: 'like', value: '%V3' },
          { not: { field: 'chain', op: 'eq', value: 'Polygon' } },
          { field: 'tvl', op: 'lt', value: 9e6 },
        ],
      },
    });
    expect(body.data.map((row) => row['protocol'])).toEqual(['uniswap-v3', 'aave-v3']);
  });

  test('return all rows in order across pages', async () => {
    const seen: unknown[] = [];
    let cursor: string | null = null;
    do {
      const { body }: Answer = await ask({
        limit: 2,
        sort: { field: 'name', order: 'asc' },
        ...(cursor && { cursor }),
      });
      seen.push(...body.data.map((row) => `${String(row['protocol'])} ${String(row['chain'])}`));
      cursor = body.page.next_cursor;
    } while (cursor !== null);
    expect(seen).toEqual(['aave-v3 ethereum', 'aave-v3 polygon', 'lido ethereum', 'uniswap-v3 ethereum', 'total all']);
  });

  test('return groups across pages and filter groups with `having`', async () => {
    const query = {
      aggregations: [{ field: 'tvl', operation: 'max', group_by: ['protocol', 'chain'] }],
      having: { field: 'max_tvl', op: 'gt', value: 1_000_000 },
      limit: 2,
    };
    const first = await ask(query);
    expect(first.body.data.map((row) => row['max_tvl'])).toEqual([20_000_000, 5_000_000]);
    const second = await ask({ ...query, cursor: first.body.page.next_cursor });
    expect(second.body.data.map((row) => row['max_tvl'])).toEqual([3_000_000]);
    expect(second.body.page.has_more).toBe(false);
  });

  test('find a token by the chain that its name contains, whether the row came from the API or from SQL', async () => {
    const before = await ask({ dataset: 'prices', filters: { chains: ['sei'] } });
    expect(before.body.meta['warnings']).toMatchObject([{ field: 'chain', code: 'unknown_name' }]);
    const writer = await app.key({ role: 'writer' });
    const ingested = await fetch(`${app.url}/v1/ingest/prices`, {
      method: 'POST',
      headers: { authorization: `Bearer ${writer}`, 'content-type': 'application/json' },
      body: JSON.stringify({ items: [{ token: 'sei:0xAB', price: 2 }] }),
    });
    expect(await ingested.json()).toMatchObject({ accepted: 1 });
    await market.price('sei:0xcd', 1);
    const get = async (path: string): Promise<{ data: Record<string, unknown>[] }> => {
      const answer = await fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${key}` } });
      return (await answer.json()) as { data: Record<string, unknown>[] };
    };
    await waitFor(async () => (await get('/v1/tokens?chain=sei')).data.length === 2);
    expect((await get('/v1/prices/sei:0xab,sei:0xcd')).data.map(({ chain }) => chain)).toEqual(['sei', 'sei']);
    const { body } = await ask({ dataset: 'prices', filters: { chains: ['sei'] } });
    expect(new Set(body.data.map(({ token }) => token))).toEqual(new Set(['sei:0xab', 'sei:0xcd']));
    expect(body.meta['warnings']).toBeUndefined();
  });

  test('ignore the case of categories and return warnings for unknown names', async () => {
    const found = await ask({ filters: { categories: ['LENDING'] } });
    expect(found.body.data.map(({ protocol }) => protocol)).toContain('aave-v3');
    expect(found.body.meta['warnings']).toBeUndefined();
    const misspelt = { filters: { categories: ['Lendng'], change_7d: { max: -30 } } };
    const { status, body } = await ask(misspelt);
    expect([status, body.data]).toEqual([200, []]);
    expect((await ask({ ...misspelt, explain: true })).body.meta['warnings']).toEqual(body.meta['warnings']);
    expect(body.meta['warnings']).toMatchObject([
      { field: 'category', code: 'unknown_name', meant: 'Lending' },
      { field: 'change_7d', code: 'not_a_fraction' },
    ]);
    for (const p of [{}, { p: 95 }, { p: '0.5' }]) {
      const refused = await ask({ aggregations: [{ field: 'tvl', operation: 'percentile', ...p }] });
      expect([refused.status, refused.body.errors]).toMatchObject([
        400,
        [{ pointer: '/aggregations/0/p', detail: expect.stringContaining('between 0 and 1') }],
      ]);
    }
  });
});

describe('queries over time buckets', () => {
  const time = { from: iso(midnight), to: iso(midnight + 4 * HOUR_MS), bucket: '1h' };
  const sum = [{ field: 'tvl', operation: 'sum' }];

  test('return exact percentiles if conditions select few of many series', async () => {
    const facts = app.nest.get(StoredFactsReader, { strict: false });
    const { sizes, rawFrom } = await facts.read();
    const percentile = [{ field: 'tvl', operation: 'percentile', p: 0.5 }];
    const few = { time, aggregations: percentile, where: { field: 'protocol', op: 'like', value: 'aave%' } };
    const exact = await ask({ ...few, limit: 99 });
    expect(exact.body.data.length).toBeGreaterThan(0);
    const series = { tvl: 194_000, price: 194_000 };
    const read = vi.spyOn(facts, 'read').mockResolvedValue({ rawFrom, sizes: { ...sizes, series, subjects: series } });
    try {
      const { data, meta } = (await ask(few)).body;
      expect(data).toEqual(exact.body.data);
      expect(meta).not.toHaveProperty('relative_error');
      const all = await ask({ time, aggregations: percentile });
      expect(all.body.meta).toMatchObject({ relative_error: 0.01 });
    } finally {
      read.mockRestore();
    }
  });

  test('count each series once per bucket, with its last value', async () => {
    const { body } = await ask({ time, aggregations: sum });
    expect(body.data).toEqual([
      { time: iso(midnight), sum_tvl: 35 },
      { time: iso(midnight + 2 * HOUR_MS), sum_tvl: 7 },
    ]);
    expect(body.meta['source']).toBe('hourly');
  });

  test('continue each series with `fill: previous` and show gaps with `fill: null`', async () => {
    const previous = await ask({ time: { ...time, fill: 'previous' }, aggregations: sum });
    expect(previous.body.data.map((row) => row['sum_tvl'])).toEqual([35, 35, 37, 37]);
    const gaps = await ask({ time: { ...time, fill: 'null' }, aggregations: sum });
    expect(gaps.body.data.map((row) => row['sum_tvl'])).toEqual([35, null, 7, null]);
  });

  test('apply `over_time` to each series before the series are added', async () => {
    const aggregations = ['avg', 'min', 'max'].map((overTime) => ({
      field: 'tvl',
      operation: 'sum',
      over_time: overTime,
      as: overTime,
    }));
    const { body } = await ask({ time: { ...time, bucket: '1d' }, aggregations });
    expect(body.data).toEqual([{ time: iso(midnight), avg: 26, min: 15, max: 37 }]);
  });

  test('read raw values for five-minute buckets and for queries without a bucket', async () => {
    const fine = await ask({ time: { ...time, bucket: '5m' }, aggregations: sum });
    expect(fine.body.data.map((row) => row['sum_tvl'])).toEqual([15, 30, 7]);
    const single = await ask({ filters: { protocols: ['uniswap-v3'] }, time: { from: time.from, to: time.to } });
    expect(single.body.data.map((row) => row['tvl'])).toEqual([10, 30]);
  });
});

describe('query responses', () => {
  test('include a change acknowledged by ingest immediately if `at_least` is given', async () => {
    const writer = await app.key({ role: 'writer' });
    const query = { filters: { protocols: ['fresh'] }, aggregations: [{ field: 'tvl', operation: 'sum' }] };
    for (let value = 1_000; value < 1_050; value += 1) {
      const tvl = value * 1_000 * (1 + (value % 2));
      const written = await fetch(`${app.url}/v1/ingest/tvl`, {
        method: 'POST',
        headers: { authorization: `Bearer ${writer}`, 'content-type': 'application/json' },
        body: JSON.stringify({ items: [{ protocol: 'fresh', chain: 'ethereum', tvl }] }),
      });
      const { cursor } = (await written.json()) as { cursor: string };
      expect((await ask({ ...query, at_least: cursor })).body.data).toEqual([{ sum_tvl: tvl }]);
      expect((await ask({ ...query, at_least: cursor })).body.data).toEqual([{ sum_tvl: tvl }]);
    }
  });

  test('include a change too small to be published after the cached result expires', async () => {
    const query = { filters: { protocols: ['uniswap-v3'] } };
    await ask(query);
    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = 5000001 WHERE protocol = 'uniswap-v3'`);
    await waitFor(async () => (await ask(query)).body.data[0]?.['tvl'] === 5_000_001);
    expect((await ask(query)).body.data).toMatchObject([{ tvl: 5_000_001 }]);
  });

  test('to `QUERY` are 304 for a current `ETag`, as JSON and CSV; responses to `POST` are not', async () => {
    const query = { filters: { protocols: ['lido'] } };
    const first = await ask(query, {}, 'QUERY');
    expect(first.status).toBe(200);
    const etag = first.headers.get('etag') ?? '';
    for (const names of [etag, `"other", ${etag}`, etag.replace('W/', ''), '*']) {
      const again = await ask(query, { 'if-none-match': names }, 'QUERY');
      expect([names, again.status, again.text]).toEqual([names, 304, '']);
    }
    for (const names of ['"other"', 'W/', ',,', '""', `${etag}x`, 'x'.repeat(4_000)]) {
      expect([names, (await ask(query, { 'if-none-match': names }, 'QUERY')).status]).toEqual([names, 200]);
    }
    expect((await ask(query, { 'if-none-match': etag })).status).toBe(200);
    const csv = await ask(query, { accept: 'text/csv' });
    expect(csv.headers.get('content-type')).toContain('text/csv');
    expect(csv.text.split('\r\n')[1]).toMatch(/^lido,ethereum,20000000,/);
    const sameCsv = await ask(query, { accept: 'text/csv', 'if-none-match': etag }, 'QUERY');
    expect([sameCsv.status, sameCsv.text]).toEqual([304, '']);
  });

  test('with a query plan have an `ETag` that differs between plans', async () => {
    const time = { from: 'now-30d', bucket: '1d' };
    const days = { time, aggregations: [{ field: 'tvl', operation: 'sum' }], explain: true };
    const [ofDays, ofHours] = [await ask(days), await ask({ ...days, time: { ...time, bucket: '1h' } })];
    expect(ofDays.body).toMatchObject({
      data: [],
      explain: { source: expect.stringContaining('daily'), class: expect.any(String), percentiles: 'exact' },
    });
    expect(ofDays.headers.get('etag')).not.toBe(ofHours.headers.get('etag'));
  });

  test('come from the cache for an equivalent query written differently', async () => {
    await ask({ filters: { protocols: ['lido'], chains: ['ethereum'] } });
    const again = await ask({ limit: 100, filters: { chains: ['Ethereum'], protocols: ['lido'] }, where: null });
    expect(again.body.meta['cache']).toBe('hit');
  });

  test('are refused without a key', async () => {
    expect((await ask({}, { authorization: '' })).body.code).toBe('missing_api_key');
  });

  test('contain no events of other users', async () => {
    await app.db.pool.query(
      `INSERT INTO change_outbox (type, owner, data) VALUES ('alert', 'somebody', '{}'), ('alert', 'tester', '{}')`,
    );
    const alerts = { dataset: 'events', where: { field: 'event_type', op: 'eq', value: 'alert' } };
    await waitFor(async () => (await ask(alerts)).body.data.length === 1);
    expect((await ask({ ...alerts, aggregations: [{ operation: 'count' }] })).body.data).toEqual([{ count: 1 }]);
  });
});
