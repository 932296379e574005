import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { HistoryBackfill } from '../../src/events/index.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';

const DAY_MS = 86_400_000;

type Row = Record<string, unknown>;

interface Page {
  data: Row[];
  page: { next_cursor: string | null; has_more: boolean };
}

let app: TestApp;
let key: string;

beforeAll(async () => {
  app = await createTestApp();
  key = await app.key();
  const market = new MarketWriter(app.db.pool);
  await market.protocol('aave-v3', 'Aave V3', { symbol: 'AAVE', category: 'Lending', chains: ['ethereum'] });
  await market.protocol('lido', 'Lido', { symbol: 'LDO', category: 'Liquid Staking', chains: ['ethereum'] });
  await market.protocol('pancake', 'PancakeSwap', { symbol: 'CAKE', category: 'Dexs', chains: ['bsc'] });
  await market.protocol('quiet', '=Quiet', { category: 'Lending' });
  await market.chains('aave-v3', { ethereum: 300, base: 100, borrowed: 900 });
  await market.tvl('lido', 'ethereum', 500);
  await market.tvl('pancake', 'bsc', 200);
  await market.tvl('nameless', 'all', 50);
  await market.price('bitcoin', 100, { symbol: 'BTC', chain: 'bitcoin', volume24h: 5, marketCap: 1000 });
  await market.price('ethereum', 10, { symbol: 'ETH', chain: 'ethereum', volume24h: 7, marketCap: 500 });
  await market.price('base:0xab', 1, { symbol: 'USDX', chain: 'base' });
  const day = (metric: 'tvl' | 'price', subject: string, chain: string | null, value: number) => {
    return { metric, subject, chain, at: Date.now() - DAY_MS, value };
  };
  await app.nest
    .get(HistoryBackfill)
    .insert([
      day('tvl', 'aave-v3', 'ethereum', 100),
      day('tvl', 'aave-v3', 'base', 100),
      day('tvl', 'lido', 'ethereum', 1000),
      day('tvl', 'pancake', 'bsc', 200),
      day('price', 'bitcoin', null, 80),
      day('price', 'ethereum', null, 20),
    ]);
  await waitFor(async () => (await get('/v1/tokens')).data.length === 3);
});
afterAll(() => app?.close());

const request = (path: string, headers: Record<string, string> = {}) =>
  fetch(`${app.url}${path}`, { headers: { authorization: `Bearer ${key}`, ...headers } });

async function get(path: string): Promise<Page> {
  return (await (await request(path)).json()) as Page;
}

async function column(path: string, name: string): Promise<unknown[]> {
  return (await get(path)).data.map((row) => row[name]);
}

async function walk(path: string, name: string): Promise<unknown[]> {
  const seen: unknown[] = [];
  let cursor = '';
  for (;;) {
    const { data, page } = await get(`${path}${path.includes('?') ? '&' : '?'}limit=2${cursor}`);
    seen.push(...data.map((row) => row[name]));
    expect(page.has_more).toBe(page.next_cursor !== null);
    if (page.next_cursor === null) return seen;
    cursor = `&cursor=${page.next_cursor}`;
  }
}

describe('`/v1/protocols`', () => {
  test('lists protocols by TVL in descending order, and protocols without TVL last', async () => {
    const { data, page } = await get('/v1/protocols');
    expect(data.map((row) => row['protocol'])).toEqual(['lido', 'aave-v3', 'pancake', 'nameless', 'quiet']);
    expect(page).toEqual({ next_cursor: null, has_more: false });
    expect(data[1]).toMatchObject({
      protocol: 'aave-v3',
      name: 'Aave V3',
      symbol: 'AAVE',
      category: 'Lending',
      chains: ['ethereum'],
      url: null,
      tvl: 400,
      change24h: 100,
      change7d: null,
    });
    expect(data[3]).toMatchObject({ name: 'nameless', tvl: 50 });
    expect(data[4]).toMatchObject({ tvl: null, change24h: null });
  });

  test.each([
    ['sort=name', ['quiet', 'aave-v3', 'lido', 'nameless', 'pancake']],
    ['sort=name&order=desc', ['pancake', 'nameless', 'lido', 'aave-v3', 'quiet']],
    ['sort=tvl&order=asc', ['nameless', 'pancake', 'aave-v3', 'lido', 'quiet']],
    ['sort=change', ['aave-v3', 'pancake', 'lido', 'nameless', 'quiet']],
    ['sort=change&window=7d', ['aave-v3', 'lido', 'nameless', 'pancake', 'quiet']],
    ['q=AaVe', ['aave-v3']],
    ['q=cake', ['pancake']],
    ['category=lending', ['aave-v3', 'quiet']],
    ['chain=ethereum', ['lido', 'aave-v3']],
    ['chain=Binance', ['pancake']],
    ['chain=base', ['aave-v3']],
    ['chain=nowhere', []],
    ['q=a&category=Lending&chain=ethereum', ['aave-v3']],
    ["q=' OR 1=1 --", []],
  ])('filters and sorts with ?%s', async (query, expected) => {
    expect(await column(`/v1/protocols?${query}`, 'protocol')).toEqual(expected);
    expect(await walk(`/v1/protocols?${query}`, 'protocol')).toEqual(expected);
  });

  test('repeats and skips no protocol across pages while values change', async () => {
    const first = await get('/v1/protocols?limit=2');
    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = 10000 WHERE protocol = 'nameless'`);
    await waitFor(async () => (await column('/v1/protocols', 'protocol'))[0] === 'nameless');
    expect(await column(`/v1/protocols?limit=5&cursor=${first.page.next_cursor}`, 'protocol')).toEqual([
      'pancake',
      'quiet',
    ]);
    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = 50 WHERE protocol = 'nameless'`);
    await waitFor(async () => (await column('/v1/protocols', 'protocol'))[0] === 'lido');
  });

  test('returns one protocol with its chains, and marks the chains counted in the total', async () => {
    const protocol = (await (await request('/v1/protocols/aave-v3')).json()) as Row;
    expect(protocol).toMatchObject({ protocol: 'aave-v3', tvl: 400, metadata: {} });
    expect((protocol['tvls'] as Row[]).map((row) => [row['chain'], row['counted']])).toEqual([
      ['ethereum', true],
      ['base', true],
      ['borrowed', false],
    ]);
    expect(await (await request('/v1/protocols/quiet')).json()).toMatchObject({ tvl: null, tvls: [] });
    expect(await (await request('/v1/protocols/nameless')).json()).toMatchObject({ name: 'nameless', tvl: 50 });
    expect((await request('/v1/protocols/nobody')).status).toBe(404);
  });

  test('returns a changed name and finds the protocol by the new name', async () => {
    await app.db.pool.query(`UPDATE protocols SET name = 'Lido Finance' WHERE slug = 'lido'`);
    const [found] = await waitFor(async () => {
      const { data } = await get('/v1/protocols?q=finance');
      return data.length > 0 && data;
    });
    expect(found).toMatchObject({ protocol: 'lido', name: 'Lido Finance' });
  });

  test('returns CSV with escaped formulas', async () => {
    const answer = await request('/v1/protocols?category=lending', { accept: 'text/csv' });
    expect(answer.headers.get('content-type')).toBe('text/csv; charset=utf-8');
    expect(answer.headers.get('vary')).toContain('Accept');
    const [header, ...lines] = (await answer.text()).split('\r\n');
    expect(header).toBe('protocol,name,symbol,category,chains,url,tvl,change1h,change24h,change7d');
    expect(lines[1]).toBe("quiet,'=Quiet,,Lending,,,,,,");
    expect(answer.headers.get('content-disposition')).toBe('attachment; filename="protocols.csv"');
    const none = await request('/v1/protocols?category=nothing', { accept: 'text/csv' });
    expect(await none.text()).toBe(`${header}\r\n`);
  });
});

describe('`/v1/chains`', () => {
  test('adds up protocols on real chains and omits pseudo chains', async () => {
    expect((await get('/v1/chains')).data).toEqual([
      { chain: 'ethereum', tvl: 800, netTvl: 300, protocols: 2 },
      { chain: 'bsc', tvl: 200, netTvl: 200, protocols: 1 },
      { chain: 'base', tvl: 100, netTvl: 100, protocols: 1 },
    ]);
    expect(await walk('/v1/chains', 'chain')).toEqual(['ethereum', 'bsc', 'base']);
  });
});

describe('`/v1/tokens`', () => {
  test.each([
    ['', ['bitcoin', 'ethereum', 'base:0xab']],
    ['sort=token', ['base:0xab', 'bitcoin', 'ethereum']],
    ['sort=price&order=asc', ['base:0xab', 'ethereum', 'bitcoin']],
    ['sort=volume', ['ethereum', 'bitcoin', 'base:0xab']],
    ['sort=change', ['bitcoin', 'ethereum', 'base:0xab']],
    ['q=USD', ['base:0xab']],
    ['chain=ethereum', ['ethereum']],
  ])('filters and sorts with ?%s', async (query, expected) => {
    expect(await column(`/v1/tokens?${query}`, 'token')).toEqual(expected);
    expect(await walk(`/v1/tokens?${query}`, 'token')).toEqual(expected);
  });
});

describe('`/v1/movers`', () => {
  test.each([
    ['', ['aave-v3', 'lido']],
    ['direction=up', ['aave-v3']],
    ['direction=down', ['lido']],
    ['minValue=450', ['lido']],
    ['minValue=4.5e2', ['lido']],
    ['window=7d', []],
    ['limit=1', ['aave-v3']],
  ])('returns the largest TVL changes for ?%s', async (query, expected) => {
    expect(await column(`/v1/movers?${query}`, 'protocol')).toEqual(expected);
  });

  test('continues on the second page after the last row of the first page', async () => {
    const first = await get('/v1/movers?limit=1');
    expect(first.page.has_more).toBe(true);
    expect(await column(`/v1/movers?limit=1&cursor=${first.page.next_cursor}`, 'protocol')).toEqual(['lido']);
  });

  test('returns price changes sorted by absolute change', async () => {
    expect((await get('/v1/movers?metric=price&window=24h')).data).toMatchObject([
      { metric: 'price', token: 'ethereum', symbol: 'ETH', value: 10, changePercent: -50, change24h: -50 },
      { metric: 'price', token: 'bitcoin', value: 100, changePercent: 25 },
    ]);
  });
});

describe('invalid input', () => {
  test.each([
    '/v1/protocols?sort=age',
    '/v1/protocols?order=up',
    '/v1/protocols?limit=1001',
    '/v1/protocols?limit=-1',
    '/v1/protocols?limit=NaN',
    '/v1/protocols?limit=Infinity',
    '/v1/protocols?limit=1.5',
    '/v1/protocols?limit=',
    '/v1/protocols?limit[gt]=1',
    '/v1/protocols?q=',
    `/v1/protocols?q=${'a'.repeat(101)}`,
    '/v1/protocols?q=%00',
    '/v1/protocols?q=a&q=b',
    '/v1/protocols?cursor=W10',
    '/v1/protocols?cursor=%ff',
    '/v1/protocols?window=1y',
    '/v1/protocols/aave-v3?exact=true',
    '/v1/chains?sort=tvl',
    '/v1/tokens?sort=tvl',
    '/v1/tokens?chain=%0a',
    '/v1/movers?metric=volume',
    '/v1/movers?direction=sideways',
    '/v1/movers?limit=101',
    '/v1/movers?minValue=-1',
    '/v1/movers?minValue=1e999',
    '/v1/movers?minValue=<script>',
    '/v1/tvl/aave-v3?exact=yes',
    '/v1/tvl/%00',
    `/v1/tvl/${'a'.repeat(256)}`,
    '/v1/prices/%0d%0a',
    '/v1/prices/bitcoin?vs=eur',
  ])('%s is refused with the invalid field', async (path) => {
    const answer = await request(path);
    const problem = (await answer.json()) as Row;
    expect([answer.status, problem['code']]).toEqual([400, 'invalid_request']);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
    expect((problem['errors'] as Row[])[0]).toMatchObject({
      pointer: expect.stringMatching(/^[?:]/),
      code: expect.stringMatching(/^[a-z_]+$/),
      detail: expect.any(String),
    });
  });

  test('property names of JavaScript, such as `constructor`, are refused as unknown fields', async () => {
    const plain = await get('/v1/chains');
    expect(await get('/v1/chains?__proto__=1')).toEqual(plain);
    const refused = await request('/v1/chains?__proto__=1&constructor=1&toString=1');
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { errors: ['constructor', 'toString'].map((name) => ({ pointer: `?${name}`, code: 'unknown_field' })) },
    ]);
  });

  test('broken percent-encoding is refused', async () => {
    expect((await request('/v1/tvl/%E0%A4%A')).status).toBe(400);
  });

  test.each([
    '/v1/tvl/aave-v3',
    '/v1/prices/bitcoin',
    '/v1/protocols',
    '/v1/chains',
    '/v1/tokens',
    '/v1/movers',
    '/v1/events',
  ])('a request to %s without a key is refused', async (path) => {
    const answer = await fetch(`${app.url}${path}`);
    expect([answer.status, ((await answer.json()) as Row)['code']]).toEqual([401, 'missing_api_key']);
  });
});
