import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { MarketWriter } from '../support/data/market-writer.js';
import type { TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';
import { compatMarket, DAY, today, type CompatMarket } from '../support/data/compat-market.js';

let app: TestApp;

let market: MarketWriter;

let get: CompatMarket['get'];

beforeAll(async () => {
  ({ app, market, get } = await compatMarket());
});

afterAll(() => app?.close());

const seconds = (daysAgo: number) => (today - daysAgo * DAY) / 1_000;

const withoutPresent = <T>(points: T[]) => points.slice(0, -1);

describe('the DefiLlama-compatible routes', () => {
  it('list protocols by TVL in `/protocols`, with chains named as in DefiLlama', async () => {
    const { body } = await get('/protocols');
    expect(body.map((protocol: { slug: string }) => protocol.slug)).toEqual(['lido', 'aave', 'total-only', 'plain']);
    expect(body[1]).toEqual({
      id: '111',
      name: 'Aave',
      address: null,
      symbol: 'AAVE',
      url: 'https://aave.com',
      description: null,
      chain: 'Multi-Chain',
      logo: 'https://icons.llama.fi/aave.png',
      audits: '2',
      audit_note: null,
      audit_links: ['https://aave.com/security'],
      gecko_id: 'aave',
      cmcId: null,
      category: 'Lending',
      module: '',
      twitter: null,
      forkedFrom: [],
      oracles: ['Chainlink'],
      listedAt: 1648776877,
      methodology: '',
      parentProtocol: null,
      chains: ['Ethereum', 'Binance', 'Scroll'],
      slug: 'aave',
      tvl: 400,
      mcap: null,
      chainTvls: { Ethereum: 300, Binance: 100, staking: 40, 'Ethereum-borrowed': 7 },
      change_1h: null,
      change_1d: null,
      change_7d: null,
    });
    expect(body[3]).toMatchObject({
      id: 'plain',
      name: 'plain',
      symbol: '-',
      chain: 'Solana',
      chains: ['Solana'],
      tvl: 5,
    });
    expect(body[2]).toMatchObject({ chainTvls: {}, chain: null, tvl: 50 });
    for (const protocol of body) {
      for (const name of ['url', 'logo', 'category', 'symbol', 'audits']) expect(protocol[name]).toBeTypeOf('string');
      for (const name of ['forkedFrom', 'oracles', 'audit_links', 'chains'])
        expect(protocol[name]).toBeInstanceOf(Array);
    }
  });

  it('return a point per day and chain and the current value last in `/protocol/{slug}`', async () => {
    const { body } = await get('/protocol/aave');
    expect(body.currentChainTvls).toEqual({ Ethereum: 300, Binance: 100, staking: 40, 'Ethereum-borrowed': 7 });
    expect(withoutPresent(body.chainTvls.Ethereum.tvl)).toEqual([
      { date: seconds(5), totalLiquidityUSD: 200 },
      { date: seconds(4), totalLiquidityUSD: 220 },
      { date: seconds(3), totalLiquidityUSD: 230 },
      { date: seconds(2), totalLiquidityUSD: 250 },
      { date: seconds(1), totalLiquidityUSD: 260 },
      { date: seconds(0), totalLiquidityUSD: 260 },
    ]);
    expect(body.chainTvls.Ethereum.tvl.at(-1).totalLiquidityUSD).toBe(300);
    expect(withoutPresent(body.tvl)).toEqual([
      { date: seconds(5), totalLiquidityUSD: 200 },
      { date: seconds(4), totalLiquidityUSD: 220 },
      { date: seconds(3), totalLiquidityUSD: 230 + 80 },
      { date: seconds(2), totalLiquidityUSD: 250 + 90 },
      { date: seconds(1), totalLiquidityUSD: 260 + 95 },
      { date: seconds(0), totalLiquidityUSD: 260 + 95 },
    ]);
    expect(body).toMatchObject({
      logo: 'https://icons.llama.fi/aave.png',
      gecko_id: 'aave',
      twitter: null,
      address: null,
    });
    expect(body).toMatchObject({ chain: 'Multi-Chain', listedAt: 1648776877, tokens: [], raises: [] });
    expect(body.tvl.at(-1)).toEqual({ date: expect.any(Number), totalLiquidityUSD: 400 });
  });

  it('return a plain number in `/tvl/{slug}`', async () => {
    const answer = await get('/tvl/aave');
    expect(answer.body).toBe(400);
    expect(answer.headers.get('content-type')).toContain('application/json');
  });

  it('omit in `/v2` routes the pseudo chains that DefiLlama omits', async () => {
    expect((await get('/v2/chains')).body).toEqual([
      { gecko_id: 'ethereum', tvl: 300, tokenSymbol: 'ETH', cmcId: '1027', name: 'Ethereum', chainId: 1 },
      { gecko_id: 'binancecoin', tvl: 100, tokenSymbol: 'BNB', cmcId: '1839', name: 'BSC', chainId: 56 },
      { gecko_id: 'solana', tvl: 5, tokenSymbol: 'SOL', cmcId: '5426', name: 'Solana', chainId: null },
    ]);
    for (const spelling of ['Ethereum', 'ethereum', 'ETH']) {
      const { body } = await get(`/v2/historicalChainTvl/${spelling}`);
      expect(withoutPresent(body as { tvl: number }[]).map(({ tvl }) => tvl)).toEqual([200, 220, 230, 250, 260, 260]);
      expect(body.at(-1).tvl).toBe(300);
    }
    const { body } = await get('/v2/historicalChainTvl');
    expect(body.at(-1).tvl).toBe(455);
    expect(body[0]).toEqual({ date: seconds(5), tvl: 200 });
  });

  it('return prices under the requested names in `/prices/current` and omit unknown names', async () => {
    const { body } = await get('/prices/current/coingecko:bitcoin,BSC:0xAB,__proto__,coingecko:nothing');
    expect(body).toEqual({
      coins: {
        'coingecko:bitcoin': {
          decimals: null,
          price: 100_000,
          symbol: 'BTC',
          timestamp: expect.any(Number),
          confidence: 0.9,
        },
        'BSC:0xAB': { decimals: null, price: 2, symbol: 'AB', timestamp: expect.any(Number), confidence: 1 },
      },
    });
  });

  it('accept up to 500 coins and 32 KB of URL in `/prices/current`', async () => {
    const coins = (count: number, length: number) =>
      Array.from({ length: count }, (_, index) => `bsc:0x${String(index).padStart(length, '0')}`).join();
    const list = `${coins(499, 40)},bsc:0xab`;
    expect(await get(`/prices/current/${list}`)).toMatchObject({
      status: 200,
      body: { coins: { 'bsc:0xab': { price: 2 } } },
    });
    for (const list of [coins(501, 4), coins(400, 80)]) {
      expect(await get(`/prices/current/${list}`)).toMatchObject({
        status: 422,
        body: { code: 'limit_exceeded', detail: 'At most 500 coins and 32 KB of address per request; ask in several.' },
      });
    }
  });

  it('omit prices older than `searchWidth` in `/prices/current`', async () => {
    await app.db.pool.query(`INSERT INTO token_prices (token, price, observed_at) VALUES
      ('old', 1, now() - interval '3 days'), ('seen-again', 1, now() - interval '3 days')`);
    await waitFor(async () => (await get('/prices/current/old?searchWidth=1W')).body.coins.old);
    const found = async (coin: string, width: string) => {
      const { status, body } = await get(`/prices/current/${coin}${width}`);
      return status === 200 ? Object.keys(body.coins).length : status;
    };
    for (const width of ['?searchWidth=1W', '?searchWidth=4d', '?searchWidth=73h', '?searchWidth=300000']) {
      expect(await found('old', width)).toBe(1);
    }
    for (const width of ['', '?searchWidth=4h', '?searchWidth=600', '?searchWidth=90M', '?searchWidth=2D']) {
      expect(await found('old', width)).toBe(0);
    }
    for (const width of ['banana', '', '-4h', '4y', '0', '4h4h', '1e3', 'NaN']) {
      expect(await found('old', `?searchWidth=${width}`)).toBe(400);
    }
    // The same price observed again: there is no event, and yet the price is current.
    await app.db.pool.query(`UPDATE token_prices SET observed_at = now() WHERE token = 'seen-again'`);
    expect(await found('seen-again', '')).toBe(1);
  });

  it('accept a slug in any case and the name of a protocol', async () => {
    for (const name of ['AAVE', 'Aave', 'Total%20Only', 'total-only']) {
      expect((await get(`/tvl/${name}`)).status).toBe(200);
      expect((await get(`/protocol/${name}`)).status).toBe(200);
    }
  });

  it('return an empty history for a chain without TVL', async () => {
    expect(await get('/v2/historicalChainTvl/Scroll')).toMatchObject({ status: 200, body: [] });
  });

  it('omit protocols of excluded categories and double-counted protocols in `/v2/chains`', async () => {
    const categories = [
      'Bridge',
      'Canonical Bridge',
      'Infrastructure',
      'Staking Pool',
      'RWA',
      'Basis Trading',
      'CeDeFi',
      'CEX',
      'Chain',
      'liquid staking',
    ];
    const { pool } = app.db;
    await pool.query(
      `INSERT INTO protocols (slug, name, category, metadata) SELECT 'left-' || n, 'L', category, '{}' FROM unnest($1::text[]) WITH ORDINALITY AS c (category, n)
       UNION ALL VALUES ('twice', 'Twice', 'Dexs', '{"doublecounted": true}'::jsonb), ('kept', 'Kept', 'Yield', '{"doublecounted": false}'::jsonb)`,
      [categories],
    );
    await pool.query(`INSERT INTO protocol_tvl (protocol, chain, tvl) SELECT 'left-' || n, 'sui', 100 FROM generate_series(1, 10) AS n
      UNION ALL VALUES ('twice', 'sui', 900), ('kept', 'sui', 7)`);
    await waitFor(async () => (await get('/tvl/kept')).status === 200);
    const chain = async () => (await get('/v2/chains')).body.find(({ name }: { name: string }) => name === 'Sui')?.tvl;
    await waitFor(async () => (await chain()) === 7);
    expect((await get('/v2/historicalChainTvl/sui')).body.at(-1).tvl).toBe(7);
    const { body } = await get('/v1/chains');
    expect(body.data.find((one: { chain: string }) => one.chain === 'sui')).toEqual({
      chain: 'sui',
      tvl: 1_907,
      netTvl: 7,
      protocols: 12,
    });
  });

  it('sum 1,000 series of 100 days in `/v2/historicalChainTvl`, including series of totals', async () => {
    const before = new Map<number, number>();
    const history = async (): Promise<{ date: number; tvl: number }[]> => (await get('/v2/historicalChainTvl')).body;
    for (const { date, tvl } of await history()) before.set(date, tvl);
    const { pool } = app.db;
    await pool.query(`INSERT INTO metric_series (metric, subject, chain)
      SELECT 'tvl', 'many-' || n % 900, CASE WHEN n % 900 = n THEN 'all' ELSE 'tron' END FROM generate_series(0, 999) AS n`);
    await pool.query(
      `INSERT INTO metric_daily (series_id, samples, bucket, open, high, low, close, sum, opened_at, closed_at)
       SELECT s.id, 1, day, 2, 2, 2, 2, 2, day, day
       FROM metric_series s, generate_series($1::timestamptz, $2, interval '24 hours') AS day WHERE s.subject LIKE 'many-%'`,
      [new Date(today - 100 * DAY), new Date(today - DAY)],
    );
    await pool.query(
      `DELETE FROM metric_daily d USING metric_series s
      WHERE s.id = d.series_id AND s.subject = 'many-7' AND s.chain = 'tron' AND d.bucket < $1`,
      [new Date(today - 50 * DAY)],
    );
    await pool.query(`UPDATE metric_daily d SET open = 5, close = 5 FROM metric_series s
      WHERE s.id = d.series_id AND s.subject = 'many-7' AND s.chain = 'all'`);
    // Answers are cached for a moment.
    const { points } = await waitFor(async () => {
      const points = await history();
      return points.some(({ date }) => date === seconds(100)) && { points };
    });
    const added = new Map(points.map(({ date, tvl }) => [date, tvl - (before.get(date) ?? 0)]));
    // 899 protocols have the value 2. The protocol that gets its chain later has first the total 5, then only the chain's
    // value.
    expect([added.get(seconds(100)), added.get(seconds(51)), added.get(seconds(50)), added.get(seconds(0))]).toEqual([
      1_803, 1_803, 1_800, 1_800,
    ]);
    await pool.query(`DELETE FROM metric_series WHERE subject LIKE 'many-%'`);
  });

  it('merge a chain with two names and find it by both names', async () => {
    await market.tvl('two-names-a', 'rootstock', 70);
    await market.tvl('two-names-b', 'rsk', 30);
    const printed = await waitFor(async () => {
      const { body } = await get('/v2/chains');
      const found = body.filter(({ tvl, name }: { tvl: number; name: string }) => tvl === 100 && /^r/i.test(name));
      return found.length === 1 && (found[0].name as string);
    });
    for (const name of [printed, 'RSK', 'rootstock']) {
      expect((await get(`/v2/historicalChainTvl/${name}`)).body.at(-1)).toMatchObject({ tvl: 100 });
    }
  });
});
