import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { FAULTS } from '../../../test/support/chain/mock-rpc-faults.js';
import { MockChain } from '../../../test/support/chain/mock-rpc-chain.js';
import { MockRpc } from '../../../test/support/chain/mock-rpc.js';
import { EndpointPool, type PoolOptions } from './endpoint-pool.js';

let chain: MockChain;
let first: MockRpc;
let other: MockRpc;
const pools: EndpointPool[] = [];
const signal = new AbortController().signal;

beforeEach(async () => {
  chain = new MockChain({ finalityDepth: 4 });
  chain.mineEmpty(30);
  [first, other] = await Promise.all([MockRpc.start(chain), MockRpc.start(chain)]);
});
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
  await Promise.all([first.close(), other.close()]);
});

function poolOf(rpcs: readonly MockRpc[], options: Partial<PoolOptions> = {}): EndpointPool {
  const endpoints = rpcs.map(({ url }) => ({ url: `${url}/SECRET` }));
  const pool = new EndpointPool({ chainId: 31_337, forkDepth: 8, endpoints }, { retryMs: 1, ...options });
  pools.push(pool);
  return pool;
}
const headOf = (pool: EndpointPool) => pool.step(async (endpoint) => (await endpoint.latest()).number, signal);
const usedOf = (pool: EndpointPool) => pool.step((endpoint) => Promise.resolve(endpoint.shownUrl), signal);
const states = (pool: EndpointPool) => pool.status().map(({ state, reason }) => [state, reason]);

describe('a pool of endpoints', () => {
  it('uses the first one and shows the state of each without secrets', async () => {
    const pool = poolOf([first, other]);
    expect(await headOf(pool)).toBe(30);
    expect(pool.status()).toEqual([
      { url: first.url, state: 'in_use', height: 30 },
      { url: other.url, state: 'standby', height: null },
    ]);
    expect(other.calls).toEqual({});
  });

  it('repeats a step, then does it with the next endpoint, and returns to the first after a while', async () => {
    const pool = poolOf([first, other], { preferAfterMs: 600_000 });
    first.plan(FAULTS.unavailable(), { times: 2 });
    expect(await headOf(pool)).toBe(30);
    expect(await usedOf(pool)).toBe(other.url);
    const later = Date.now() + 601_000;
    vi.spyOn(Date, 'now').mockReturnValue(later);
    expect(await usedOf(pool)).toBe(first.url);
    vi.restoreAllMocks();
  });

  it('repeats a step as a whole, so that all its reads come from one endpoint', async () => {
    const pool = poolOf([first, other]);
    first.plan(FAULTS.unavailable(), { method: 'eth_getBlockByHash' });
    const used = await pool.step(async (endpoint) => {
      const { hash } = await endpoint.latest();
      return [endpoint.shownUrl, (await endpoint.blockByHash(hash))?.number];
    }, signal);
    expect(used).toEqual([other.url, 30]);
    expect(other.calls['eth_getBlockByNumber']).toBe(1);
  });

  it('lets an endpoint rest that fails again and again', async () => {
    const pool = poolOf([first, other], { attempts: 1, breakAfter: 2, preferAfterMs: 0 });
    first.plan(FAULTS.html());
    await expect(headOf(pool)).rejects.toMatchObject({ kind: 'bad_answer' });
    await expect(headOf(pool)).rejects.toMatchObject({ kind: 'bad_answer' });
    expect(await headOf(pool)).toBe(30);
    expect(states(pool)).toEqual([
      ['out', 'the answer is not valid JSON'],
      ['in_use', undefined],
    ]);
  });

  it('uses an endpoint again after its rest, also the only one, and lets it rest again if it still fails', async () => {
    const pool = poolOf([first], { attempts: 1, breakAfter: 2, breakMs: 50 });
    const end = first.plan(FAULTS.unavailable());
    const fails = (reason: string) => expect(headOf(pool)).rejects.toThrow(reason);
    for (const round of [1, 2, 3]) {
      for (let failure = 0; failure < (round === 1 ? 2 : 1); failure += 1) await fails('503');
      await fails('no endpoint of the chain is usable');
      expect(states(pool)[0]?.[0]).toBe('out');
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    end();
    expect(await headOf(pool)).toBe(30);
    expect(states(pool)).toEqual([['in_use', undefined]]);
  });

  it('waits as long as a 429 asks if there is no other endpoint, and else does not wait', async () => {
    first.plan(FAULTS.tooManyRequests('1'), { times: 1 });
    const begun = performance.now();
    expect(await headOf(poolOf([first]))).toBe(30);
    expect(performance.now() - begun).toBeGreaterThan(900);
    first.plan(FAULTS.tooManyRequests('50'), { times: 1 });
    const pool = poolOf([first, other]);
    expect(await headOf(pool)).toBe(30);
    expect(states(pool)[0]).toEqual(['out', 'the endpoint wants fewer calls (429)']);
  });

  it('takes an endpoint out that serves another chain', async () => {
    first.view = { chainId: 5 };
    const pool = poolOf([first, other]);
    expect(await headOf(pool)).toBe(30);
    expect(states(pool)).toEqual([
      ['out', 'it serves chain 5, not 31337'],
      ['in_use', undefined],
    ]);
    const alone = poolOf([first]);
    await expect(headOf(alone)).rejects.toMatchObject({ kind: 'wrong_chain' });
  });

  it.each([
    ['newest block goes back further than the fork depth', { head: 20 }, 'its newest block went back from 30 to 20'],
    ['final block goes back', { finalized: 25 }, 'its final block went back from 26 to 25'],
  ])('takes an endpoint out whose %s', async (_, view, reason) => {
    const pool = poolOf([first, other]);
    const read = () =>
      pool.step(async (endpoint) => [(await endpoint.latest()).number, (await endpoint.finalized())?.number], signal);
    expect(await read()).toEqual([30, 26]);
    first.view = view;
    expect(await read()).toEqual([30, 26]);
    expect(states(pool)).toEqual([
      ['out', reason],
      ['in_use', undefined],
    ]);
  });

  it('takes an endpoint out that lags further than the fork depth or disagrees about a final block', async () => {
    const lagging = poolOf([first, other], { preferAfterMs: 0, attempts: 1 });
    await headOf(lagging);
    other.view = { lag: 9 };
    await expect(lagging.second((endpoint) => endpoint.latest(), signal)).rejects.toThrow('9 behind that of others');
    other.view = {};
    const disagreeing = poolOf([first, other]);
    await disagreeing.step((endpoint) => endpoint.finalized(), signal);
    other.plan(FAULTS.wrongBlockHash(), { method: 'eth_getBlockByNumber' });
    await expect(disagreeing.second((endpoint) => endpoint.finalized(), signal)).rejects.toThrow(
      'it has another final block 26 than before',
    );
    expect(states(disagreeing)[0]).toEqual(['in_use', undefined]);
  });

  it('drops a final block that no endpoint stands by any more: it was one wrong answer', async () => {
    const pool = poolOf([first, other], { outMs: 10, attempts: 1, preferAfterMs: 0 });
    const finalOf = () => pool.step(async (endpoint) => (await endpoint.finalized())?.hash, signal);
    first.plan(FAULTS.wrongBlockHash(), { method: 'eth_getBlockByNumber', times: 1 });
    const wrong = await finalOf();
    const right = await vi.waitUntil(() => finalOf().catch(() => undefined), { timeout: 5_000, interval: 15 });
    expect(right).not.toBe(wrong);
    expect(await finalOf()).toBe(right);
  });

  it('tries an endpoint again that was out for a while', async () => {
    first.view = { chainId: 5 };
    const pool = poolOf([first], { outMs: 50, attempts: 1 });
    await expect(headOf(pool)).rejects.toMatchObject({ kind: 'wrong_chain' });
    await expect(headOf(pool)).rejects.toMatchObject({ kind: 'unreachable' });
    first.view = {};
    await new Promise((resolve) => setTimeout(resolve, 60));
    expect(await headOf(pool)).toBe(30);
    expect(states(pool)).toEqual([['in_use', undefined]]);
  });

  it('leaves refused ranges, errors of the work and aborts to the caller', async () => {
    const pool = poolOf([first, other]);
    const range = { from: 0, to: 20 };
    const read = () => pool.step((endpoint) => endpoint.logsByRange(range, { addresses: [], topics: [] }), signal);
    first.limits = { blocks: 5, refusal: () => ({ code: -32_602, message: 'exceed maximum block range: 5' }) };
    await expect(read()).rejects.toMatchObject({ kind: 'range_too_large', details: { suggested: { from: 0, to: 4 } } });
    await expect(pool.step(() => Promise.reject(new Error('of the store')), signal)).rejects.toThrow('of the store');
    const stop = new AbortController();
    first.plan(FAULTS.hang());
    setTimeout(() => stop.abort(new Error('stopped')), 20);
    await expect(pool.step((endpoint) => endpoint.latest(), stop.signal)).rejects.toThrow('stopped');
    expect(other.calls).toEqual({});
  });

  it('has no second endpoint if there is only one', async () => {
    expect(await poolOf([first]).second((endpoint) => endpoint.latest(), signal)).toBeUndefined();
  });

  it('counts calls by kind, without looks for a new block that find none', async () => {
    const pool = poolOf([first]);
    await headOf(pool);
    await headOf(pool);
    chain.mine();
    await headOf(pool);
    expect(pool.calls).toEqual({ chain_id: 1, head: 2, finalized: 0, block: 0, logs: 0, receipts: 0 });
  });
});
