import type { Cluster, Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { PodChannel } from '../../src/platform/redis/pod-channel.js';
import { RedisConnections } from '../../src/platform/redis/redis-connections.js';
import { clusterClients, CONNECTION_NAME } from '../../src/platform/redis/redis-options.js';
import { parseSettings } from '../../src/platform/settings/settings.js';
import { startRedisCluster, type TestRedis } from '../support/servers/redis-server.js';
import { waitFor } from '../support/wait-for.js';

test('disconnecting cluster clients closes all their connections, even after a reconnect to a hung node', async () => {
  const cluster = await startRedisCluster();
  const clients = clusterClients(cluster.url, 'any');
  const commands = clients.commands as Cluster;
  const all = [clients.shards, clients.subscriber, commands];
  const end = (): void => {
    for (const client of all) client?.disconnect();
  };
  const hanging = cluster.nodes[1] as TestRedis;
  const is = ({ options }: Redis): boolean => options.port === hanging.port;
  const isThere = (): boolean => commands.nodes('master').some(is);
  let made = 0;
  commands.on('+node', (node: Redis) => is(node) && made++);
  const ask = () => Promise.allSettled(commands.nodes('master').map((node) => node.ping()));
  const open = async (): Promise<string[]> => {
    const lists = await Promise.all(cluster.nodes.map((node) => node.call('CLIENT', 'LIST')));
    return lists.flatMap((list) => String(list).split('\n')).filter((line) => line.includes(CONNECTION_NAME));
  };
  for (const client of all) client?.on('error', () => undefined);
  try {
    await waitFor(() => commands.status === 'ready' && isThere());
    await ask();
    hanging.pause();
    const before = made;
    commands.disconnect(true);
    await waitFor(() => commands.status === 'ready' && made > before);
    void ask();
    hanging.resume();
    // The client library forgets the new node, unless the machine is so slow that the former node had ended before.
    await waitFor(() => !isThere(), { timeoutMs: 3_000 }).catch(() => undefined);
    expect(await open()).not.toEqual([]);
    end();
    let left: string[] = [];
    await waitFor(async () => (left = await open()).length === 0).catch(() => undefined);
    expect(left).toEqual([]);
  } finally {
    hanging.resume();
    end();
    await cluster.close();
  }
});

test(
  'messages between processes flow again after cut connections, a hung node and a stopped Redis Cluster',
  { timeout: 180_000 },
  async () => {
    const cluster = await startRedisCluster();
    const settings = parseSettings({ REDIS_URL: cluster.url });
    const pods = await Promise.all(Array.from({ length: 4 }, () => RedisConnections.open(settings, new Metrics())));
    const channels = pods.map((pod) => new PodChannel(pod));
    const heard = channels.map((): number[] => []);
    for (const [index, channel] of channels.entries()) channel.on('note', ({ n }) => heard[index]?.push(Number(n)));
    let n = 0;
    const hearEachOther = () =>
      waitFor(
        async () => {
          const note = ++n;
          for (const channel of channels) await channel.publish('note', { n: note });
          // Every pod receives the note from each other pod and from itself.
          return waitFor(() => heard.every((notes) => notes.filter((one) => one === note).length === pods.length), {
            timeoutMs: 1_000,
          });
        },
        { what: 'everybody hears everybody', timeoutMs: 60_000 },
      );
    try {
      await hearEachOther();
      await Promise.all(cluster.nodes.map((node) => node.call('CLIENT', 'KILL', 'TYPE', 'pubsub')));
      await hearEachOther();
      for (const node of cluster.nodes) {
        node.pause();
        // Longer than the timeout for a node.
        await new Promise((resolve) => setTimeout(resolve, 1_500));
        node.resume();
      }
      await hearEachOther();
      for (let round = 0; round < 2; round++) {
        await cluster.stop();
        await waitFor(() => pods.every(({ state }) => state === 'unavailable'));
        await cluster.start();
        await hearEachOther();
      }
      expect(pods.map(({ state, clustered }) => [state, clustered])).toEqual(pods.map(() => ['up', true]));
    } finally {
      for (const one of [...channels, ...pods]) one.onApplicationShutdown();
      await cluster.close();
    }
  },
);
