import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { MarketWriter } from '../support/data/market-writer.js';
import type { TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';
import { historyMarket, type HistoryMarket } from '../support/data/history-market.js';
import type { RestAnswer } from '../support/clients/rest-caller.js';

let app: TestApp;

let market: MarketWriter;

let get: HistoryMarket['get'];

beforeAll(async () => {
  ({ app, market, get } = await historyMarket());
});

afterAll(() => app?.close());

afterEach(() => {
  vi.restoreAllMocks();
});

describe('the current TVL', () => {
  test('of a protocol is the sum of its real chains, with all chains listed', async () => {
    const { status, body } = await get('/v1/tvl/uniswap-v3');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      protocol: 'uniswap-v3',
      name: 'Uniswap V3',
      symbol: 'UNI',
      category: 'Dexs',
      tvl: 4000,
      confidence: 1,
      cursor: expect.stringMatching(/^[0-9a-z]+-[0-9a-z]{11}$/),
      observedAt: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
    });
    expect(body.chains.map(({ chain, tvl, counted }: RestAnswer['body']) => [chain, tvl, counted]).sort()).toEqual([
      ['bsc', 1000, true],
      ['ethereum', 3000, true],
      ['staking', 500, false],
    ]);
  });

  test('of a protocol with a total only is the total', async () => {
    const { body } = await get('/v1/tvl/binance-cex');
    expect(body).toMatchObject({ tvl: 9000, name: null, chains: [{ chain: 'all', counted: true }] });
  });

  test('of one chain is found under every name of the chain', async () => {
    const { body } = await get('/v1/tvl/uniswap-v3/bsc');
    expect(body).toMatchObject({ chain: 'bsc', tvl: 1000, counted: true, source: 'test' });
    expect((await get('/v1/tvl/uniswap-v3/Binance')).body).toEqual(body);
  });

  test('contains percentage changes compared with the last value before the start of the period', async () => {
    const { body } = await get('/v1/tvl/uniswap-v3/ethereum');
    expect(body.change24h).toBeCloseTo(((3000 - 2025) / 2025) * 100, 0);
    expect(body.change7d).toBeNull();
  });

  test('is read from the database for `exact=true`, also changes too small to be published', async () => {
    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = 1001 WHERE chain = 'bsc'`);
    expect((await get('/v1/tvl/uniswap-v3/bsc')).body.tvl).toBe(1000);
    expect((await get('/v1/tvl/uniswap-v3/bsc?exact=true')).body).toMatchObject({ tvl: 1001, counted: true });
    expect((await get('/v1/tvl/uniswap-v3?exact=true')).body.tvl).toBe(4001);
  });

  test('changes after a published change, and the cursor advances', async () => {
    const before = (await get('/v1/tvl/uniswap-v3/ethereum')).body;
    await app.db.pool.query(`UPDATE protocol_tvl SET tvl = tvl * 1.5 WHERE chain = 'ethereum'`);
    const after = await waitFor(async () => {
      const { body } = await get('/v1/tvl/uniswap-v3/ethereum');
      return body.tvl === 4500 && body;
    });
    expect(after.cursor > before.cursor).toBe(true);
    expect((await get('/v1/tvl/uniswap-v3')).body.tvl).toBe(5500);
  });

  test.each(['/v1/tvl/nobody', '/v1/tvl/uniswap-v3/solana', '/v1/tvl/nobody?exact=true', '/v1/tvl/nobody/history'])(
    'at %s is not found',
    async (path) => {
      const { status, headers, body } = await get(path);
      expect(status).toBe(404);
      expect(headers.get('content-type')).toContain('application/problem+json');
      expect(body.code).toBe('not_found');
    },
  );
});

describe('current prices', () => {
  test('are returned in the requested order, each token once, with unknown tokens listed', async () => {
    const { body } = await get('/v1/prices/Ethereum:0xABCDEF,nothing,coingecko:bitcoin,bitcoin');
    expect(body.data).toMatchObject([
      { token: 'ethereum:0xabcdef', symbol: 'USDX', chain: 'ethereum', price: 1, marketCap: null },
      { token: 'bitcoin', symbol: 'BTC', price: 100, volume24h: 10, marketCap: 1000, confidence: 0.9 },
    ]);
    expect(body.missing).toEqual(['nothing']);
  });

  test('have the same chain flag `counted` with and without `exact=true`', async () => {
    await market.chains('mixed', { all: 5, base: 4 });
    await waitFor(async () => (await get('/v1/tvl/mixed/base')).status === 200);
    for (const exact of [false, true]) {
      expect((await get(`/v1/tvl/mixed/all?exact=${exact}`)).body).toMatchObject({ tvl: 5, counted: false });
    }
  });

  test('are read from the database for `exact=true`', async () => {
    await app.db.pool.query(`UPDATE token_prices SET price = 100.01 WHERE token = 'bitcoin'`);
    expect((await get('/v1/prices/bitcoin?exact=true')).body.data).toMatchObject([{ price: 100.01 }]);
    expect((await get('/v1/prices/bitcoin')).body.data).toMatchObject([{ price: 100 }]);
  });

  test('of unknown tokens are not found, and more than 100 tokens are refused', async () => {
    expect((await get('/v1/prices/nothing')).status).toBe(404);
    expect((await get('/v1/prices/,')).status).toBe(404);
    const many = Array.from({ length: 101 }, (_, index) => `t${index}`).join(',');
    expect((await get(`/v1/prices/${many}`)).body).toMatchObject({ status: 422, code: 'limit_exceeded' });
  });

  test('are returned as CSV', async () => {
    const { headers, text } = await get('/v1/prices/bitcoin', { accept: 'text/csv' });
    expect(headers.get('content-type')).toContain('text/csv');
    expect(text.split('\r\n')[0]).toContain('token,');
    expect(text.split('\r\n')[1]).toMatch(/bitcoin/);
  });

  test('have a history in `/v1/prices/{token}/history`', async () => {
    const rows = await waitFor(async () => {
      const { body } = await get('/v1/prices/coingecko:bitcoin/history?interval=raw');
      return body.data?.length > 0 && body.data;
    });
    expect(rows[0]).toEqual({ time: expect.any(String), value: 100 });
  });
});
