import { once } from 'node:events';
import { get as httpGet, type IncomingMessage } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TestApp } from '../support/servers/create-test-app.js';
import { waitFor } from '../support/wait-for.js';
import { compatMarket, type CompatMarket } from '../support/data/compat-market.js';

let app: TestApp;

let key: string;

let get: CompatMarket['get'];

beforeAll(async () => {
  ({ app, key, get } = await compatMarket());
});

afterAll(() => app?.close());

/** Repeats a request like a browser. The built-in fetch adds `Cache-Control: no-cache`, which excludes a 304. */
async function statusWith(path: string, etag: string): Promise<number | undefined> {
  const headers = { authorization: `Bearer ${key}`, 'if-none-match': etag };
  const request = httpGet(`${app.url}${path}`, { headers, agent: false });
  const [answer] = (await once(request, 'response')) as [IncomingMessage];
  answer.resume();
  return answer.statusCode;
}

/** Documented answers of DefiLlama for each route, shortened: names of members, and types of their values. */
const DOCUMENTED: [path: string, example: unknown][] = [
  [
    '/protocols',
    [
      {
        id: '2269',
        name: 'Aave',
        symbol: 'AAVE',
        category: 'Lending',
        chains: ['Ethereum', 'Polygon'],
        tvl: 5_200_000_000,
        chainTvls: { Ethereum: 3_200_000_000 },
        change_1d: 2.1,
        change_7d: -5.3,
      },
    ],
  ],
  [
    '/protocol/aave',
    {
      id: 'parent#aave',
      name: 'AAVE',
      symbol: 'AAVE',
      category: 'Lending',
      chains: ['Ethereum'],
      currentChainTvls: { Ethereum: 3_200_000_000 },
      chainTvls: { Ethereum: { tvl: [{ date: 1_609_459_200, totalLiquidityUSD: 1_000_000 }], tokens: [] } },
    },
  ],
  ['/v2/historicalChainTvl', [{ date: 1_609_459_200, tvl: 15_000_000_000 }]],
  ['/v2/historicalChainTvl/Ethereum', [{ date: 1_609_459_200, tvl: 45_000_000_000 }]],
  ['/tvl/aave', 4_962_012_809.795062],
  [
    '/v2/chains',
    [{ gecko_id: 'ethereum', tvl: 65_998_652_431.4, tokenSymbol: 'ETH', cmcId: '1027', name: 'Ethereum', chainId: 1 }],
  ],
  [
    '/prices/current/coingecko:bitcoin',
    { coins: { 'coingecko:bitcoin': { price: 0.02, symbol: 'cDAI', timestamp: 1_648_680_149, confidence: 0.99 } } },
  ],
];

/**
 * Returns the places where an answer lacks a documented member or has it with another type. Unknown values may be null.
 */
function deviations(real: unknown, example: unknown, place = ''): string[] {
  if (Array.isArray(example)) {
    const whole = Array.isArray(real) ? real : undefined;
    if (whole === undefined) return [`${place} is no list`];
    return example.length === 0 ? [] : whole.flatMap((one, index) => deviations(one, example[0], `${place}/${index}`));
  }
  if (typeof example === 'object' && example !== null) {
    if (typeof real !== 'object' || real === null) return [`${place} is no object`];
    return Object.entries(example).flatMap(([name, of]) =>
      name in real
        ? deviations((real as Record<string, unknown>)[name], of, `${place}/${name}`)
        : [`${place}/${name} is not there`],
    );
  }
  return real === null || typeof real === typeof example ? [] : [`${place} is ${typeof real}`];
}

describe('the DefiLlama-compatible routes', () => {
  it.each(DOCUMENTED)('return for %s all members documented by DefiLlama, with their types', async (path, example) => {
    const { status, headers, body } = await get(path);
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json; charset=utf-8']);
    // Only aave is compared: the list has many kinds of protocols, and not all have the same chains.
    const shown = path === '/protocols' ? body.filter(({ slug }: { slug: string }) => slug === 'aave') : body;
    expect(deviations(shown, example)).toEqual([]);
    expect(JSON.stringify(body).length).toBeGreaterThan(2);
  });

  it.each(DOCUMENTED)('return for %s an `ETag` and a cache lifetime, and support HEAD and 304', async (path) => {
    const authorization = `Bearer ${key}`;
    // Histories are cached for half a minute, current values for a second, so the answer may have changed in between.
    await waitFor(async () => {
      const { headers } = await get(path);
      return (await statusWith(path, headers.get('etag') ?? '')) === 304;
    });
    const { headers } = await get(path);
    expect(headers.get('etag')).toMatch(/^W?\/?"/);
    expect(headers.get('cache-control')).toMatch(/^max-age=\d+, stale-while-revalidate=\d+$/);
    const head = await fetch(`${app.url}${path}`, { method: 'HEAD', headers: { authorization } });
    expect([head.status, await head.text()]).toEqual([200, '']);
    for (const name of ['content-type', 'cache-control']) expect(head.headers.get(name)).toBe(headers.get(name));
    expect(await statusWith(path, '*')).toBe(304);
    for (const tag of ['"nothing"', 'W/', ',,', 'x'.repeat(2_000)]) expect(await statusWith(path, tag)).toBe(200);
  });

  it('return 404 for unknown protocols and chains', async () => {
    for (const path of [
      '/protocol/nobody',
      '/tvl/nobody',
      '/v2/historicalChainTvl/nowhere',
      '/v2/historicalChainTvl/staking',
    ]) {
      const answer = await get(path);
      expect(answer).toMatchObject({
        status: 404,
        body: { status: 404, code: 'not_found', detail: expect.any(String) },
      });
      expect(answer.headers.get('content-type')).toContain('application/problem+json');
      // Not cached, because the protocol may be listed at any moment.
      expect(answer.headers.get('cache-control')).toBe('no-store');
      const head = await fetch(`${app.url}${path}`, { method: 'HEAD', headers: { authorization: `Bearer ${key}` } });
      expect(head.status).toBe(404);
    }
  });

  it('return 304 if the `ETag` of the client is current', async () => {
    const { headers } = await get('/tvl/plain');
    const again = await statusWith('/tvl/plain', headers.get('etag') ?? '');
    expect(again).toBe(304);
    expect(headers.get('cache-control')).toContain('max-age=1');
  });

  it('serve clients without a key up to a limit per address, but verify a given key', async () => {
    expect((await get('/tvl/plain', {})).status).toBe(200);
    expect((await get('/tvl/plain', { authorization: 'Bearer rta_no_key' })).body.code).toBe('invalid_api_key');
    expect((await get('/v1/tvl/plain', {})).body.code).toBe('missing_api_key');
    const statuses = await Promise.all(Array.from({ length: 45 }, async () => (await get('/tvl/plain', {})).status));
    expect(new Set(statuses)).toEqual(new Set([200, 429]));
  });
});
