import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { DefiLlama } from '@defillama/api';
import type { DeFiLlama as CfxClient } from '@cfxdevkit/defillama';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { assertDescribed } from '../support/oracles/asyncapi-validator.js';
import { MarketWriter } from '../support/data/market-writer.js';
import { createTestApp, type TestApp } from '../support/servers/create-test-app.js';
import { answerLlamaHosts } from '../support/servers/llama-hosts.js';
import { waitFor } from '../support/wait-for.js';

const DAY = 86_400_000;
const TODAY = Math.floor(Date.now() / DAY) * DAY;
const AB = '0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48';

/** Readings that all clients support, under a common name. */
interface Reading {
  protocols(): Promise<unknown>;
  protocol(name: string): Promise<unknown>;
  tvl(name: string): Promise<unknown>;
  chains?(): Promise<unknown>;
  history(chain?: string): Promise<unknown>;
  prices?(coins: [chain: string, address: string][]): Promise<unknown>;
}

/** This client returns responses unparsed. */
interface PlainClient {
  tvl: Record<string, (...given: string[]) => Promise<Response>>;
  coins: { pricesCurrent(coins: Record<string, string>[]): Promise<Response> };
}

const require = createRequire(import.meta.url);
let app: TestApp;
let market: MarketWriter;
let stopAnswering: () => Promise<void>;

/** Clients as published in their packages; created after their host names are redirected to the test. */
const CLIENTS: [name: string, make: () => Promise<Reading>][] = [
  [
    '@defillama/api',
    () => {
      const { tvl, prices } = new DefiLlama();
      return Promise.resolve({
        protocols: () => tvl.getProtocols(),
        protocol: (name) => tvl.getProtocol(name),
        tvl: (name) => tvl.getTvl(name),
        chains: () => tvl.getChains(),
        history: (chain) => (chain === undefined ? tvl.getHistoricalChainTvl() : tvl.getHistoricalChainTvl(chain)),
        prices: (coins) =>
          prices.getCurrentPrices(
            coins.map((coin) => coin.join(':')),
            '4h',
          ),
      });
    },
  ],
  [
    '@cfxdevkit/defillama',
    () => {
      const { DeFiLlama } = require('@cfxdevkit/defillama') as { DeFiLlama: new () => CfxClient };
      const client = new DeFiLlama();
      return Promise.resolve({
        protocols: () => client.getProtocols(),
        protocol: (name) => client.getProtocolTVL(name),
        tvl: (name) => client.getCurrentProtocolTVL(name),
        chains: () => client.getChains(),
        history: (chain) => client.getHistoricalChainTVL(chain),
      });
    },
  ],
  [
    'defillama-api',
    async () => {
      // The package has no types.
      const name: string = 'defillama-api';
      const brought: { default: PlainClient } = await import(name);
      const client = brought.default;
      const bodyOf = async (answer: Promise<Response> | undefined): Promise<unknown> => (await answer)?.json();
      return {
        protocols: () => bodyOf(client.tvl['protocols']?.()),
        protocol: (name) => bodyOf(client.tvl['protocol']?.(name)),
        tvl: (name) => bodyOf(client.tvl['current']?.(name)),
        history: (chain) =>
          bodyOf(chain === undefined ? client.tvl['chainsHistorical']?.() : client.tvl['chainHistorical']?.(chain)),
        prices: (coins) => bodyOf(client.coins.pricesCurrent(coins.map(([chain, address]) => ({ [chain]: address })))),
      };
    },
  ],
];

beforeAll(async () => {
  vi.stubEnv('LOG_LEVEL', 'silent');
  app = await createTestApp({ settings: { COMPAT_ANONYMOUS: 'true', LIMIT_API_REQUESTS: 'none=1000,enterprise=0' } });
  market = new MarketWriter(app.db.pool);
  const { pool } = app.db;
  await market.protocol('aave-v3', 'Aave V3', {
    symbol: 'AAVE',
    category: 'Lending',
    chains: ['ethereum', 'bsc'],
    url: 'https://aave.com',
    metadata: { id: '1599', gecko_id: 'aave' },
  });
  await market.protocol('lido', 'Lido', { category: 'Liquid Staking', chains: ['ethereum'] });
  await market.chains('aave-v3', { ethereum: 300.5, bsc: 100, staking: 40 });
  await market.tvl('lido', 'ethereum', 1000);
  await market.price('bitcoin', 100000.25, { symbol: 'BTC', confidence: 0.9 });
  await market.price(`ethereum:${AB}`.toLowerCase(), 0.9998, { symbol: 'USDC', confidence: 0.99 });
  await waitFor(async () => (await pool.query('SELECT FROM metric_series')).rowCount === 6);
  await pool.query(
    `INSERT INTO metric_daily (series_id, samples, bucket, open, high, low, close, sum, opened_at, closed_at)
     SELECT s.id, 1, d.bucket, d.level, d.level, d.level, d.level, d.level, d.bucket, d.bucket
     FROM (VALUES ('ethereum', $1::timestamptz, 200), ('bsc', $2, 80)) AS d (chain, bucket, level)
     JOIN metric_series s ON s.subject = 'aave-v3' AND s.chain = d.chain`,
    [new Date(TODAY - 3 * DAY), new Date(TODAY - DAY)],
  );
  await waitFor(async () =>
    (await fetch(`${app.url}/prices/current/ethereum:${AB}`)).text().then((text) => text.includes('USDC')),
  );
  stopAnswering = answerLlamaHosts(app.url);
});
afterAll(async () => {
  await stopAnswering?.();
  await app?.close();
  vi.unstubAllEnvs();
});

/** Returns the starts of days with their values; the last point is the current value. */
const levels = (...values: number[]): object[] =>
  values.map((tvl, index) => ({
    date: index === values.length - 1 ? expect.any(Number) : (TODAY - (values.length - 2 - index) * DAY) / 1_000,
    tvl,
  }));
const points = (...values: number[]): object[] =>
  levels(...values).map(({ date, tvl }: { date?: unknown; tvl?: unknown }) => ({ date, totalLiquidityUSD: tvl }));

describe.each(CLIENTS)('the unchanged npm client %s', (_name, make) => {
  let client: Reading;
  beforeAll(async () => {
    client = await make();
  });

  it('lists protocols with their TVL and metadata', async () => {
    expect(await client.protocols()).toMatchObject([
      { slug: 'lido', name: 'Lido', symbol: '-', category: 'Liquid Staking', tvl: 1_000, chain: 'Ethereum' },
      {
        id: '1599',
        slug: 'aave-v3',
        name: 'Aave V3',
        symbol: 'AAVE',
        category: 'Lending',
        chains: ['Ethereum', 'Binance'],
        chain: 'Multi-Chain',
        tvl: 400.5,
        chainTvls: { Ethereum: 300.5, Binance: 100, staking: 40 },
        gecko_id: 'aave',
        url: 'https://aave.com',
      },
    ]);
  });

  it('reads a protocol with its history and its current TVL', async () => {
    expect(await client.protocol('aave-v3')).toMatchObject({
      name: 'Aave V3',
      symbol: 'AAVE',
      currentChainTvls: { Ethereum: 300.5, Binance: 100, staking: 40 },
      tvl: points(200, 200, 280, 280, 400.5),
      chainTvls: {
        Ethereum: { tvl: points(200, 200, 200, 200, 300.5) },
        Binance: { tvl: points(80, 80, 100) },
      },
    });
    expect(await client.tvl('aave-v3')).toBe(400.5);
  });

  it('reads the TVL history of all chains and of one chain', async () => {
    expect(await client.history()).toEqual(levels(200, 200, 280, 280, 400.5));
    expect(await client.history('Ethereum')).toEqual(levels(200, 200, 200, 200, 300.5));
  });

  it('reads chains and prices if it has methods for them', async () => {
    const chains = await client.chains?.();
    const prices = await client.prices?.([
      ['coingecko', 'bitcoin'],
      ['ethereum', AB],
      ['ethereum', '0xdead'],
    ]);
    const anyName: unknown = expect.any(String);
    const bitcoin: unknown = expect.objectContaining({ price: 100_000.25, symbol: 'BTC', confidence: 0.9 });
    const usdc: unknown = expect.objectContaining({ price: 0.9998, symbol: 'USDC', confidence: 0.99 });
    expect(chains ?? 'cannot').toEqual(
      client.chains === undefined
        ? 'cannot'
        : [
            { gecko_id: 'ethereum', tvl: 300.5, tokenSymbol: 'ETH', cmcId: '1027', name: 'Ethereum', chainId: 1 },
            {
              gecko_id: 'binancecoin',
              tvl: 100,
              tokenSymbol: 'BNB',
              cmcId: '1839',
              name: anyName,
              chainId: 56,
            },
          ],
    );
    expect(prices ?? 'cannot').toEqual(
      client.prices === undefined
        ? 'cannot'
        : {
            coins: {
              'coingecko:bitcoin': bitcoin,
              [`ethereum:${AB}`]: usdc,
            },
          },
    );
  });
});

const PYTHON = '/usr/bin/python3';
const SCRIPT = new URL('../support/clients/socketio_client.py', import.meta.url).pathname;
const isMissing = spawnSync(PYTHON, ['-c', 'import socketio, requests, websocket']).status !== 0;
const HOW = 'apt-get install python3-socketio python3-requests python3-websocket';

interface Line {
  kind: string;
  value: Record<string, unknown>;
}

/** Debian's Python client for Socket.IO: its code and protocol implementation are independent of the server's. */
class PythonClient {
  readonly lines: Line[] = [];
  readonly ended: Promise<number>;

  constructor(url: string, key: string, transport: string, event: string, count: number, body: object) {
    const args = [SCRIPT, url, key, transport, event, String(count), JSON.stringify(body)];
    const python = spawn(PYTHON, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    createInterface(python.stdout).on('line', (line) => this.lines.push(JSON.parse(line) as Line));
    this.ended = once(python, 'close').then(([code]) => Number(code));
  }

  next(kind: string): Promise<Line['value']> {
    return waitFor(() => this.lines.find((line) => line.kind === kind)?.value, { what: kind });
  }
}

describe.skipIf(isMissing)(`the Python client${isMissing ? ` (missing: ${HOW})` : ''}`, () => {
  let key: string;

  beforeAll(async () => {
    key = await app.key();
  });

  it.each(['websocket', 'polling'])('connects with %s, subscribes and receives events', async (transport) => {
    const token = `python-${transport}`;
    await market.price(token, 100);
    const body = { type: 'price_changes', token, threshold: 0.05 };
    const client = new PythonClient(app.url, key, transport, 'price_change', 2, body);
    const answer = await client.next('answer');
    expect(answer).toMatchObject({
      ok: true,
      subscription: { type: 'price_changes', tokens: [token], threshold: 0.05 },
    });
    assertDescribed('socketio', 'subscribe.ack', answer);
    assertDescribed('socketio', 'connected', await client.next('connected'));
    assertDescribed('socketio', 'ping.ack', await client.next('ping'));
    for (const price of [110, 111, 130]) await market.price(token, price);
    expect(await client.ended).toBe(0);
    const events = client.lines.filter(({ kind }) => kind === 'event').map(({ value }) => value);
    expect(events.map(({ currentPrice }) => currentPrice)).toEqual([110, 130]);
    for (const event of events) assertDescribed('socketio', 'price_change', event);
  });

  it('receives the reason if its key is refused', async () => {
    const client = new PythonClient(app.url, 'rta_wrong_key', 'websocket', 'price_change', 1, {});
    expect(await client.ended).toBe(3);
    expect(await client.next('refused')).toMatchObject({
      message: 'invalid_api_key',
      data: { code: 'invalid_api_key' },
    });
  });
});
