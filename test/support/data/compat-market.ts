import { callApi, type RestAnswer } from '../clients/rest-caller.js';
import { createTestApp, type TestApp } from '../servers/create-test-app.js';
import { waitFor } from '../wait-for.js';
import { MarketWriter } from './market-writer.js';

export const DAY = 86_400_000;

export const today = Math.floor(Date.now() / DAY) * DAY;

/** Application with the market that the tests of the DefiLlama-compatible routes read. */
export interface CompatMarket {
  readonly app: TestApp;
  readonly key: string;
  readonly market: MarketWriter;
  /** Reads a route, by default with the key. */
  get(path: string, headers?: Record<string, string>): Promise<RestAnswer>;
}

/** Starts the application. Anyone may call the compatible routes, without a key 40 times a minute. */
export async function compatMarket(): Promise<CompatMarket> {
  const app = await createTestApp({
    settings: { COMPAT_ANONYMOUS: 'true', LIMIT_API_REQUESTS: 'none=40,enterprise=0' },
  });
  const key = await app.key();
  const get = (path: string, headers: Record<string, string> = { authorization: `Bearer ${key}` }) =>
    callApi(app, undefined, 'GET', path, undefined, headers);
  const market = new MarketWriter(app.db.pool);
  const { pool } = app.db;
  await market.protocol('aave', 'Aave', {
    symbol: 'AAVE',
    category: 'Lending',
    chains: ['ethereum', 'bsc', 'scroll'],
    url: 'https://aave.com',
    metadata: {
      id: '111',
      gecko_id: 'aave',
      logo: 'https://icons.llama.fi/aave.png',
      audits: '2',
      audit_links: ['https://aave.com/security'],
      oracles: ['Chainlink'],
      listedAt: 1648776877,
    },
  });
  await market.protocol('lido', 'Lido', { category: 'Liquid Staking', chains: ['ethereum'] });
  await market.protocol('total-only', 'Total Only', { category: 'Dexs' });
  await market.chains('aave', { ethereum: 300, bsc: 100, staking: 40, 'ethereum-borrowed': 7 });
  await market.tvl('lido', 'ethereum', 1000);
  await market.tvl('total-only', 'all', 50);
  await market.tvl('plain', 'solana', 5);
  await market.price('bitcoin', 100_000, { symbol: 'BTC', confidence: 0.9 });
  await market.price('bsc:0xab', 2, { symbol: 'AB', confidence: 1 });
  await waitFor(async () => (await get('/prices/current/bsc:0xab')).body.coins['bsc:0xab']);
  await waitFor(async () => (await pool.query(`SELECT FROM metric_series`)).rowCount === 9);
  // Four days of aave on ethereum, with one day missing, and two days on bsc.
  await pool.query(
    `INSERT INTO metric_daily (series_id, samples, bucket, open, high, low, close, sum, opened_at, closed_at)
     SELECT s.id, 1, d.bucket, d.open, d.close, d.open, d.close, d.close, d.bucket, d.bucket
     FROM (VALUES ('ethereum', $1::timestamptz, 200, 210), ('ethereum', $2, 220, 230), ('ethereum', $4, 250, 260),
                  ('bsc', $3, 80, 85), ('bsc', $4, 90, 95)) AS d (chain, bucket, open, close)
     JOIN metric_series s ON s.subject = 'aave' AND s.chain = d.chain`,
    [5, 4, 3, 2].map((days) => new Date(today - days * DAY)),
  );
  return { app, key, market, get };
}
