import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Clock } from '../../../src/platform/clock/clock.js';
import { Database } from '../../../src/platform/database/database.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { DefillamaSource, LlamaEndpoints } from '../../../src/events/sources/defillama/defillama-source.js';
import { HttpFetcher } from '../../../src/events/sources/defillama/http-fetcher.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';
import { waitFor } from '../../support/wait-for.js';
import { json, PROTOCOLS, startLlamaServer, type LlamaServer } from './llama-server.js';

const PRICES = {
  coins: {
    'coingecko:bitcoin': { price: 97_000.5, symbol: 'BTC', timestamp: 1_700_000_000, confidence: 0.99 },
    'coingecko:plain-swap': { price: 2, symbol: 'PLN', decimals: 2 },
    'Ethereum:0xABCDEF': { price: 1.0001, symbol: 'USD₮0', timestamp: 1_700_000_100, confidence: 7 },
    'coingecko:broken': { price: null },
    'coingecko:odd': null,
    // If one of these ids reached the database, no other price of the request could be written.
    'coingecko:with\u0000nul': { price: 1 },
    'coingecko:with\u0007bell': { price: 1 },
    ':0xabc': { price: 1 },
    [`${'c'.repeat(65)}:0xabc`]: { price: 1 },
  },
};

describe('the DefiLlama source', () => {
  let db: TestDatabase;
  let database: Database;
  let server: LlamaServer;
  let endpoints: LlamaEndpoints;
  let metrics: Metrics;
  let stop: AbortController;
  let running: Promise<void> | undefined;

  beforeEach(async () => {
    db = await createTestDatabase();
    database = new Database({ url: db.url, poolSize: 3 });
    server = await startLlamaServer((request, response) => {
      const path = request.url ?? '';
      if (path === '/protocols') return json(PROTOCOLS, { etag: '"p1"' })(request, response);
      if (path === '/v2/chains') {
        return json([{ name: 'Ethereum', tvl: 5 }, { name: 'Empty', tvl: null }, null])(request, response);
      }
      return json(PRICES)(request, response);
    });
    const fetcher = new HttpFetcher({ timeoutMs: 1_000, retryMs: 1, attempts: 2, breakAfter: 100 });
    endpoints = { api: server.url, coins: server.url, tvlEveryMs: 20, pricesEveryMs: 20, fetcher };
    metrics = new Metrics();
    stop = new AbortController();
  });

  afterEach(async () => {
    stop.abort();
    await running;
    await endpoints.fetcher.close();
    await server.close();
    await database.onApplicationShutdown();
    await db.drop();
  });

  const start = (): void => {
    running = new DefillamaSource(database, new Clock(), endpoints, testLoops(), metrics).run(stop.signal);
  };
  const polls = async (outcome: string): Promise<number> => {
    const values = (await metrics.registry.getSingleMetric('source_polls_total')?.get())?.values ?? [];
    return values.filter(({ labels }) => labels['outcome'] === outcome).reduce((sum, { value }) => sum + value, 0);
  };

  it('writes protocols, TVL per real chain and prices, and skips invalid entries', async () => {
    start();
    await waitFor(async () => (await db.pool.query('SELECT 1 FROM token_prices')).rowCount === 3);
    const tvl = await db.pool.query<{ key: string }>(
      `SELECT protocol || ' ' || chain || ' ' || tvl AS key FROM protocol_tvl ORDER BY protocol COLLATE "C", chain`,
    );
    expect(tvl.rows.map(({ key }) => key)).toEqual([
      '01 ethereum 1',
      'ankaragücü-τ-usd₮0 all 3',
      'b.protocol ethereum 70',
      'detail tron 8',
      'empty ethereum 0',
      'meth-protocol ethereum 900',
      'only-total all 40',
      'plain-swap bsc 100',
      'plain-swap gnosis 150',
      'plain-swap optimism 50',
    ]);
    const { rows } = await db.pool.query(`SELECT symbol, category, chains FROM protocols WHERE slug = 'plain-swap'`);
    expect(rows).toEqual([{ symbol: 'PLN', category: 'Dexs', chains: ['bsc', 'gnosis', 'optimism'] }]);
    const prices = await db.pool.query(
      "SELECT token, chain, price, confidence, observed_at < now() - interval '1 day' AS old FROM token_prices ORDER BY token",
    );
    expect(prices.rows).toEqual([
      { token: 'bitcoin', chain: null, price: 97_000.5, confidence: 0.99, old: true },
      { token: 'ethereum:0xabcdef', chain: 'ethereum', price: 1.0001, confidence: 1, old: true },
      { token: 'plain-swap', chain: null, price: 2, confidence: 1, old: false },
    ]);
    expect(server.requests.find((line) => line.includes('/prices/current/'))).toContain('coingecko%3Aplain-swap');
  });

  it('stores metadata of a protocol, and keeps metadata fields of other writers', async () => {
    const said = {
      id: 2_269,
      address: 'bsc:0xAb',
      logo: 'https://icons.llama.fi/plain.png',
      audits: '2',
      audit_links: ['https://a.example', 7, '', 'https://b.example'],
      oracles: 'Chainlink',
      forkedFrom: ['Uniswap V2', null],
      listedAt: 1_648_776_877,
      twitter: 'plain',
      gecko_id: 'plain-swap',
      description: 'Two\u0000lines',
      cmcId: null,
      mcap: 12.5,
      change_1d: 3,
      methodology: 'x'.repeat(5_000),
    };
    const entry = { name: 'Plain', slug: 'plain', chains: ['Base'], tvl: 1, chainTvls: { Base: 1 } };
    await db.pool.query(`INSERT INTO protocols (slug, name, metadata) VALUES
      ('plain', 'Plain', '{"status": "live", "twitter": "old", "cmcId": "1"}'),
      ('full', 'Full', jsonb_build_object('mine', repeat('x', 65500)))`);
    server.answer = json([
      { ...entry, ...said },
      { ...entry, name: 'Full', slug: 'full', ...said },
      { ...entry, name: 'Twice', slug: 'twice', chainTvls: { Base: 1, doublecounted: 1 } },
      { ...entry, name: 'Odd', slug: 'odd', oracles: {}, listedAt: 'soon', audits: [], id: {}, logo: '' },
    ]);
    start();
    const of = async (slug: string): Promise<unknown> =>
      (await db.pool.query(`SELECT metadata FROM protocols WHERE slug = $1`, [slug])).rows[0]?.metadata;
    await waitFor(async () => of('odd'));
    expect(await of('plain')).toEqual({
      status: 'live',
      id: '2269',
      address: 'bsc:0xAb',
      logo: 'https://icons.llama.fi/plain.png',
      audits: '2',
      audit_links: ['https://a.example', 'https://b.example'],
      oracles: ['Chainlink'],
      forkedFrom: ['Uniswap V2'],
      listedAt: 1_648_776_877,
      twitter: 'plain',
      gecko_id: 'plain-swap',
      description: 'Two lines',
    });
    expect([await of('twice'), await of('odd')]).toEqual([{ doublecounted: true }, {}]);
    expect(await of('full')).toEqual({ mine: 'x'.repeat(65_500) });
    const { rows } = await db.pool.query(
      `SELECT count(*)::integer AS n FROM change_outbox WHERE type = 'protocol_update'`,
    );
    const before = (await polls('written')) + 4;
    await waitFor(async () => (await polls('written')) > before);
    // Writing the same again causes no event.
    expect(
      (await db.pool.query(`SELECT count(*)::integer AS n FROM change_outbox WHERE type = 'protocol_update'`)).rows,
    ).toEqual(rows);
  });

  it('sends the ETag, and writes only changed data', async () => {
    start();
    // Prices are requested after the protocols and their ETag were stored.
    await waitFor(async () => (await db.pool.query('SELECT 1 FROM token_prices')).rowCount === 3);
    server.answer = (_, response) => response.writeHead(304).end();
    await waitFor(() => server.requests.includes('GET /protocols "p1"'));
    await waitFor(async () => (await polls('unchanged')) > 1);
    expect(await polls('failed')).toBe(0);
    server.answer = json([{ name: 'Plain Swap', slug: 'plain-swap', chains: ['Base'], tvl: 1_000 }], { etag: '"p2"' });
    await waitFor(async () => (await db.pool.query(`SELECT 1 FROM protocol_tvl WHERE chain = 'base'`)).rowCount === 1);
  });

  it('continues after failures, and forgets the ETag of an invalid response', async () => {
    server.answer = json({ not: 'a list' }, { etag: '"odd"' });
    start();
    await waitFor(async () => (await polls('failed')) > 2);
    expect(server.requests.some((line) => line.endsWith('"odd"'))).toBe(false);
    server.answer = (_, response) => response.destroy();
    const before = await polls('failed');
    await waitFor(async () => (await polls('failed')) > before + 1);
    server.answer = (request, response) => json(request.url === '/protocols' ? PROTOCOLS : PRICES)(request, response);
    await waitFor(async () => (await db.pool.query('SELECT 1 FROM token_prices')).rowCount === 3);
  });

  it('writes prices of other tokens when the server refuses one of several requests', async () => {
    const many = Array.from({ length: 150 }, (_, n) => ({
      name: `P${n}`,
      chains: ['Base'],
      tvl: 1,
      gecko_id: `p${n}`,
    }));
    server.answer = (request, response) => {
      const path = request.url ?? '';
      if (path === '/protocols') json(many)(request, response);
      else if (path.includes('bitcoin')) response.writeHead(400).end();
      else json({ coins: { 'coingecko:p149': { price: 2 } } })(request, response);
    };
    start();
    await waitFor(async () => (await db.pool.query('SELECT 1 FROM token_prices')).rowCount === 1);
    expect(await polls('failed')).toBeGreaterThan(0);
  });

  it('continues after the database refused the rows', async () => {
    await db.pool.query('REVOKE INSERT ON protocols FROM rta_writer; REVOKE ALL ON token_prices FROM rta_writer');
    await db.pool.query('REVOKE INSERT (slug) ON protocols FROM rta_writer');
    start();
    await waitFor(async () => (await polls('failed')) > 1);
    await db.pool.query('GRANT INSERT, UPDATE, SELECT ON protocols, token_prices TO rta_writer');
    await waitFor(async () => (await db.pool.query('SELECT 1 FROM protocols')).rowCount !== 0);
    expect((await db.pool.query(`SELECT 1 FROM protocols WHERE slug = 'plain-swap'`)).rowCount).toBe(1);
  });
});
