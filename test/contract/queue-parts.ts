import { randomUUID } from 'node:crypto';
import { Database } from '../../src/platform/database/database.js';
import { migrateDatabase } from '../../src/platform/database/migrate-database.js';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { Queues } from '../../src/platform/queue/queues.js';
import { RedisConnections } from '../../src/platform/redis/redis-connections.js';
import { parseSettings } from '../../src/platform/settings/settings.js';
import { startRedis, startRedisCluster } from '../support/redis-server.js';
import { startTestCluster } from '../support/test-cluster.js';

/** A server that keeps jobs, which a test may end and bring back. */
export interface QueueServer {
  /** What makes a process use it. */
  readonly env: Record<'DATABASE_URL' | 'REDIS_URL' | 'KEY_PREFIX', string>;
  end(): Promise<void>;
  begin(): Promise<void>;
  close(): Promise<void>;
}

/** Every acknowledged write survives the end of the server: without it, what comes after the last snapshot is lost. */
const DURABLE = ['--appendonly', 'yes'];
const UNUSED_DATABASE = 'postgres://postgres@127.0.0.1:1/unused';

export async function postgresServer(): Promise<QueueServer> {
  const cluster = await startTestCluster();
  const url = cluster.address('postgres');
  await migrateDatabase(url);
  return {
    env: { DATABASE_URL: url, REDIS_URL: '', KEY_PREFIX: '' },
    end: cluster.end,
    begin: cluster.begin,
    close: cluster.stop,
  };
}

export async function redisServer(): Promise<QueueServer> {
  const redis = await startRedis(DURABLE);
  return {
    env: { DATABASE_URL: UNUSED_DATABASE, REDIS_URL: redis.url, KEY_PREFIX: `${randomUUID()}:` },
    end: redis.stop,
    begin: redis.start,
    close: redis.close,
  };
}

export async function redisClusterServer(): Promise<QueueServer> {
  const { url, nodes, close } = await startRedisCluster(DURABLE);
  return {
    env: { DATABASE_URL: UNUSED_DATABASE, REDIS_URL: url, KEY_PREFIX: `${randomUUID()}:` },
    end: async () => void (await Promise.all(nodes.map((node) => node.stop()))),
    begin: async () => void (await Promise.all(nodes.map((node) => node.start()))),
    close,
  };
}

/** What one process has: its queues, and how it stops in order. */
export interface QueueProcess {
  readonly queues: Queues;
  readonly metrics: Metrics;
  stop(): Promise<void>;
}

export async function queueProcess(env: Record<string, string>): Promise<QueueProcess> {
  const settings = parseSettings({ ...env, SECRETS_KEY: 'a key that only tests use' });
  const metrics = new Metrics();
  const redis = await RedisConnections.open(settings, metrics);
  const database = new Database({ url: env['DATABASE_URL'] ?? '', poolSize: 2 });
  const queues = new Queues(settings, redis, database, metrics);
  const stop = async (): Promise<void> => {
    await queues.beforeApplicationShutdown();
    await queues.onApplicationShutdown();
    redis.onApplicationShutdown();
    await database.onApplicationShutdown();
  };
  return { queues, metrics, stop };
}
