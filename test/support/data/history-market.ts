import { HistoryBackfill } from '../../../src/events/index.js';
import { callApi, type RestAnswer } from '../clients/rest-caller.js';
import { createTestApp, type TestApp } from '../servers/create-test-app.js';
import { waitFor } from '../wait-for.js';
import { MarketWriter } from './market-writer.js';

export const HOUR_MS = 3_600_000;

/** Start of the present hour when the tests began, Unix ms. */
export const HOUR = Date.now() - (Date.now() % HOUR_MS);

/** Application with the market and the history that the tests of values read. */
export interface HistoryMarket {
  readonly app: TestApp;
  readonly key: string;
  readonly market: MarketWriter;
  /** Reads a route with the key. */
  get(path: string, headers?: Record<string, string>): Promise<RestAnswer>;
}

export async function historyMarket(): Promise<HistoryMarket> {
  const app = await createTestApp();
  const key = await app.key();
  const get = (path: string, headers?: Record<string, string>) => callApi(app, key, 'GET', path, undefined, headers);
  const market = new MarketWriter(app.db.pool);
  await market.protocol('uniswap-v3', 'Uniswap V3', {
    symbol: 'UNI',
    category: 'Dexs',
    chains: ['ethereum', 'arbitrum'],
  });
  await market.tvl('uniswap-v3', 'ethereum', 3000, { source: 'test', tags: ['a'] });
  await market.chains('uniswap-v3', { bsc: 1000, staking: 500 }, { source: 'test' });
  await market.tvl('binance-cex', 'all', 9000, { source: 'test' });
  await market.price('bitcoin', 100, { symbol: 'BTC', volume24h: 10, marketCap: 1000, confidence: 0.9 });
  await market.price('ethereum:0xabcdef', 1, { symbol: 'USDX', chain: 'ethereum', confidence: 1 });
  await app.nest
    .get(HistoryBackfill)
    .insert([
      ...hours('uniswap-v3', 'ethereum', 48, (age) => 2_000 + age),
      ...hours('uniswap-v3', 'bsc', 24, () => 1_000),
      ...hours('uniswap-v3', 'staking', 48, () => 500),
    ]);
  await waitFor(async () => (await get('/v1/prices/ethereum:0xabcdef')).status === 200);
  return { app, key, market, get };
}

/** Inserts one point per full hour; the newest is one hour old. */
function hours(subject: string, chain: string, count: number, value: (ageHours: number) => number) {
  return Array.from({ length: count }, (_, index) => {
    const age = count - index;
    return { metric: 'tvl' as const, subject, chain, at: HOUR - age * HOUR_MS, value: value(age) };
  });
}
