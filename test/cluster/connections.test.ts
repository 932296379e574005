import { Cluster } from 'ioredis';
import { expect, test } from 'vitest';
import { clusterClients, CONNECTION_NAME } from '../../src/platform/redis/redis-options.js';
import { startRedisCluster, type TestRedis } from '../support/redis-server.js';
import { waitFor } from '../support/wait-for.js';

test('no connection is left behind, also when a node lets go of the former one after a new one was made', async () => {
  const cluster = await startRedisCluster();
  const clients = clusterClients(cluster.url);
  const commands = clients.commands as Cluster;
  const end = (): void => {
    clients.shards?.close();
    for (const client of [commands, clients.subscriber]) client.disconnect();
  };
  const hanging = cluster.nodes[1] as TestRedis;
  const isThere = (): boolean => commands.nodes('master').some(({ options }) => options.port === hanging.port);
  const ask = () => Promise.allSettled(commands.nodes('master').map((node) => node.ping()));
  const open = async (): Promise<boolean> => {
    const lists = await Promise.all(cluster.nodes.map((node) => node.call('CLIENT', 'LIST')));
    return lists.join().includes(CONNECTION_NAME);
  };
  for (const client of [commands, clients.subscriber]) client.on('error', () => undefined);
  try {
    await waitFor(() => commands.status === 'ready' && isThere());
    await ask();
    hanging.pause();
    commands.disconnect(true);
    await waitFor(() => commands.status === 'ready' && isThere());
    void ask();
    hanging.resume();
    // The library forgets the new one, unless this machine is so slow that the former had ended before.
    await waitFor(() => !isThere(), { timeoutMs: 3_000 }).catch(() => undefined);
    expect(await open()).toBe(true);
    end();
    await waitFor(async () => !(await open()), { what: 'no connection' });
  } finally {
    hanging.resume();
    end();
    await cluster.close();
  }
});
