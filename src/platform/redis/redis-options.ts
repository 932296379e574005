import { Redis, type Cluster, type ClusterOptions, type RedisOptions } from 'ioredis';
import { ClusterClient } from './cluster-client.js';
import { ClusterSubscriber } from './cluster-subscriber.js';

/** Longest wait for Redis, ms; the caller then uses its fallback. */
export const REDIS_TIMEOUT_MS = 1_000;
const MAX_RECONNECT_DELAY_MS = 500;
/** Name of this application's connections in CLIENT LIST. */
export const CONNECTION_NAME = 'defi-realtime';

export type RedisClient = Redis | Cluster;

/** Clients of a process for one Redis server or cluster. */
export interface RedisClients {
  readonly commands: RedisClient;
  readonly subscriber: Redis | ClusterSubscriber;
  /** Subscriber for sharded channels; only for a cluster. */
  readonly shards?: ClusterSubscriber;
}

const reconnectDelay = (attempt: number): number => Math.min(attempt * 50, MAX_RECONNECT_DELAY_MS);

/** Parses a URL such as `rediss://user:password@cache:6380/2`. */
function target(url: string): RedisOptions {
  const { protocol, hostname, port, username, password, pathname } = new URL(url);
  return {
    connectionName: CONNECTION_NAME,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? 6379 : Number(port),
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
    ...(/^\/\d+$/.test(pathname) && { db: Number(pathname.slice(1)) }),
    ...(protocol === 'rediss:' && { tls: { servername: hostname } }),
  };
}

/** Options for commands, which fail immediately while the server is unavailable instead of being queued. */
const COMMANDS: RedisOptions = {
  connectTimeout: REDIS_TIMEOUT_MS,
  commandTimeout: REDIS_TIMEOUT_MS,
  maxRetriesPerRequest: 1,
  enableOfflineQueue: false,
};

/**
 * Options for subscriptions, which survive an outage: requests made during the outage are sent when the server is available
 * again.
 */
const SUBSCRIBER: RedisOptions = {
  connectTimeout: REDIS_TIMEOUT_MS,
  maxRetriesPerRequest: null,
  enableOfflineQueue: true,
  autoResubscribe: true,
};

/**
 * Options for job queues, whose commands wait for an unavailable server. `socketTimeout` (ms) is longer than the 10 s for
 * which a worker blocks its copy of the connection.
 */
const QUEUES: RedisOptions = { ...SUBSCRIBER, socketTimeout: 15_000 };

/** Opens the connections to a single server. */
export function singleClients(url: string): RedisClients {
  const shared = { ...target(url), retryStrategy: reconnectDelay };
  return {
    commands: new Redis({ ...shared, ...COMMANDS }),
    subscriber: new Redis({ ...shared, ...SUBSCRIBER }),
  };
}

/**
 * Opens the connections to a cluster, given the URL of one of its nodes. Subscriptions use the node that has the key's slot.
 */
export function clusterClients(url: string, key: string): RedisClients {
  const commands = openCluster(url, COMMANDS);
  return {
    commands,
    subscriber: new ClusterSubscriber(commands, key, 'subscribe'),
    shards: new ClusterSubscriber(commands, key, 'ssubscribe'),
  };
}

/** Opens a connection for queues; BullMQ copies it for each worker. */
export function queueClient(url: string, cluster: boolean): RedisClient {
  if (cluster) return openCluster(url, QUEUES);
  return new Redis({ ...target(url), retryStrategy: reconnectDelay, ...QUEUES });
}

function openCluster(url: string, options: RedisOptions): Cluster {
  const { host, port, db: _onlyOne, ...entrance } = target(url);
  const cluster: ClusterOptions = {
    clusterRetryStrategy: reconnectDelay,
    enableOfflineQueue: options.enableOfflineQueue,
    slotsRefreshTimeout: REDIS_TIMEOUT_MS,
    redisOptions: { ...entrance, ...options },
  };
  return new ClusterClient([{ host, port }], cluster);
}

/** Returns whether the server is part of a cluster; undefined if the server is unavailable. */
export async function detectCluster(url: string): Promise<boolean | undefined> {
  const probe = new Redis({ ...target(url), ...COMMANDS, db: 0, lazyConnect: true, retryStrategy: () => null });
  probe.on('error', () => undefined);
  try {
    await probe.connect();
    return (await probe.info('cluster')).includes('cluster_enabled:1');
  } catch {
    return undefined;
  } finally {
    probe.disconnect();
  }
}
