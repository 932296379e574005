import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WatchedChain } from '../../../src/onchain/config/chain-registry.js';
import { ConnectionOpener } from '../../../src/onchain/follower/chain-connections.js';
import { FollowerMetrics } from '../../../src/onchain/follower/follower-metrics.js';
import { Clock } from '../../../src/platform/clock/clock.js';
import { EgressPolicy } from '../../../src/notifications/core/egress-policy.js';
import { GuardedClient } from '../../../src/notifications/egress/guarded-client.js';
import { Resolver } from '../../../src/notifications/egress/resolver.js';
import { SampleEndpoint } from '../../../src/onchain/sample/sample-endpoint.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { MockChain } from '../../support/chain/mock-rpc-chain.js';
import { MockRpc } from '../../support/chain/mock-rpc.js';
import { waitFor } from '../../support/wait-for.js';

const metrics = new FollowerMetrics(new Metrics(), new Clock());
let chain: MockChain;
let rpc: MockRpc;
const { signal } = new AbortController();

beforeAll(async () => {
  chain = new MockChain();
  rpc = await MockRpc.start(chain);
});
afterAll(() => rpc.close());

/** Opens a chain whose only endpoint is on the loopback address. */
function open(origin: WatchedChain['origin'], allowed: readonly string[], ring = (): void => undefined) {
  const guard = new GuardedClient(new EgressPolicy(allowed), new Resolver());
  const endpoints = [{ url: `${rpc.url}/SECRET`, ws: `${rpc.wsUrl}/SECRET` }];
  const settings = {
    chainId: 31_337,
    startBlock: 0,
    pollMs: 1_000,
    forkDepth: 8,
    finality: { tag: 'finalized' as const, depth: 8 },
  };
  const watched = { id: 1, name: 'mock', ...settings, endpoints, origin, contracts: [] } as const;
  const opened = new ConnectionOpener(guard, metrics, new SampleEndpoint()).open(watched, ring);
  const close = async (): Promise<void> => {
    await opened.close();
    await guard.onApplicationShutdown();
  };
  return { pool: opened.pool, close };
}
const read = ({ pool }: ReturnType<typeof open>) =>
  pool.step(async (endpoint) => (await endpoint.latest()).number, signal);

describe('connections to endpoints', () => {
  it('are refused to private addresses that were given over the API, by HTTP and by WebSocket', async () => {
    const before = { ...rpc.calls };
    const opened = open('rest', []);
    await expect(read(opened)).rejects.toMatchObject({ kind: 'unreachable' });
    expect(rpc.calls).toEqual(before);
    expect(rpc.watchers).toBe(0);
    await opened.close();
  });

  it('are made to addresses that EGRESS_ALLOW permits', async () => {
    let rings = 0;
    const opened = open('rest', ['127.0.0.0/8'], () => (rings += 1));
    expect(await read(opened)).toBe(0);
    await waitFor(() => rings > 0, { what: 'the answer to the subscription' });
    await opened.close();
  });

  it('are made to every address that the settings file names', async () => {
    const opened = open('config', []);
    expect(await read(opened)).toBe(0);
    await opened.close();
  });
});
