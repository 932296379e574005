import { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RedisBroker } from '../../../src/events/broker/redis-broker.js';
import { CacheRefresh } from '../../../src/events/hot-cache/cache-refresh.js';
import { CurrentBook } from '../../../src/events/hot-cache/current-book.js';
import { RedisCacheStore } from '../../../src/events/hot-cache/redis-cache-store.js';
import { Metrics } from '../../../src/platform/metrics/metrics.js';
import { PodChannel } from '../../../src/platform/redis/pod-channel.js';
import { RedisConnections } from '../../../src/platform/redis/redis-connections.js';
import { parseSettings } from '../../../src/platform/settings/settings.js';
import { brokerContract, someRows } from '../../contract/broker.contract.js';
import { hotCacheContract } from '../../contract/hot-cache.contract.js';
import { testLoops } from '../../support/servers/background-loops.js';
import { startRedisCluster } from '../../support/servers/redis-server.js';
import { waitFor } from '../../support/wait-for.js';
import { createRedisPod } from './cache-pod.js';

let cluster: Awaited<ReturnType<typeof startRedisCluster>>;
let prefix = 0;

beforeAll(async () => {
  cluster = await startRedisCluster();
});
afterAll(() => cluster.close());

const settings = (keyPrefix = `${++prefix}:`) => parseSettings({ REDIS_URL: cluster.url, KEY_PREFIX: keyPrefix });

/** Returns the number of clients of all nodes that are subscribed to a channel. */
async function subscribersOf(channel: string): Promise<number> {
  const counts = await Promise.all(cluster.nodes.map((node) => node.call('PUBSUB', 'NUMSUB', channel)));
  return counts.reduce<number>((sum, count) => sum + Number((count as unknown[])[1]), 0);
}

async function twoBrokers() {
  const shared = settings();
  const connections = await Promise.all([1, 2].map(() => RedisConnections.open(shared, new Metrics())));
  const [here, there] = connections.map(
    (each) => new RedisBroker(each, new RedisCacheStore(each), new CacheRefresh(new CurrentBook()), testLoops()),
  );
  if (!here || !there) throw new Error('two connections make two brokers');
  await waitFor(async () => (await subscribersOf(`${shared.keyPrefix}log`)) === 2);
  const close = async () => {
    await Promise.all([here.close(), there.close()]);
    for (const each of connections) each.onApplicationShutdown();
  };
  return { here, there, close };
}

brokerContract('RedisBroker on a cluster', twoBrokers);

hotCacheContract('RedisHotCache on a cluster', async (url) => {
  const pod = await createRedisPod(url, cluster.url, `${++prefix}:`);
  pod.sequencer.start();
  return pod;
});

describe('a Redis Cluster', () => {
  it('publishes the public event channels on every node', async () => {
    const pair = await twoBrokers();
    const stranger = new Redis(cluster.nodes[2]!.port);
    try {
      const heard: string[] = [];
      stranger.on('pmessage', (_pattern: string, channel: string) => heard.push(channel));
      await stranger.psubscribe(`${prefix}:events:*`);
      const change = { ...someRows(1)[0]!, type: 'tvl_change' as const, protocol: 'aave', chain: null };
      await waitFor(async () => (await pair.here.publish([change]), heard.length >= 2), { everyMs: 50 });
      expect(new Set(heard)).toEqual(new Set([`${prefix}:events:tvl`, `${prefix}:events:protocol:aave`]));
    } finally {
      stranger.disconnect();
      await pair.close();
    }
  });

  it('is reported as up after every master has a connection', async () => {
    const connections = await RedisConnections.open(settings(), new Metrics());
    try {
      await waitFor(() => connections.state === 'up');
      const client = connections.commands();
      const masters = client instanceof Cluster ? client.nodes('master') : [];
      expect(masters.map((node) => node.status)).not.toContain('wait');
    } finally {
      connections.onApplicationShutdown();
    }
  });

  it('carries messages between processes', async () => {
    const shared = settings();
    const pods = await Promise.all([1, 2].map(() => RedisConnections.open(shared, new Metrics())));
    expect(pods.map((pod) => [pod.clustered, pod.state])).toEqual(pods.map(() => [true, 'up']));
    const [one, two] = pods.map((pod) => new PodChannel(pod));
    const heard: unknown[] = [];
    two!.on('note', (body) => heard.push(body));
    await waitFor(async () => (await one!.publish('note', { n: 1 }), heard.length > 0), { everyMs: 20 });
    expect(heard[0]).toEqual({ n: 1 });
    for (const pod of [one, two]) pod!.onApplicationShutdown();
    for (const pod of pods) pod.onApplicationShutdown();
  });

  it('is recognised even if it was unavailable at the start', async () => {
    const late = await startRedisCluster();
    await Promise.all(late.nodes.map((node) => node.stop()));
    const connections = await RedisConnections.open(parseSettings({ REDIS_URL: late.url }), new Metrics());
    try {
      expect([connections.state, connections.clustered]).toEqual(['unavailable', false]);
      await Promise.all(late.nodes.map((node) => node.start()));
      await waitFor(() => connections.clustered && connections.state === 'up');
      await waitFor(() => connections.commands().set('a', 'b'));
    } finally {
      connections.onApplicationShutdown();
      await late.close();
    }
  });
});
