import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Cluster, type Redis } from 'ioredis';
import { Gauge } from 'prom-client';
import { metricOf } from '../metrics/metric-of.js';
import type { Metrics } from '../metrics/metrics.js';
import type { Settings } from '../settings/settings.js';
import { ClusterSubscriber, PODS_TAG } from './cluster-subscriber.js';
import {
  clusterClients,
  detectCluster,
  REDIS_TIMEOUT_MS,
  singleClients,
  type RedisClient,
  type RedisClients,
} from './redis-options.js';

/** State of Redis for this process; `off`: no Redis is configured, and the deployment is one process. */
export type RedisState = 'up' | 'unavailable' | 'off';

/** Interval of the checks, ms: a server that hangs or refuses writes still has open connections. */
const CHECK_INTERVAL_MS = 1_000;
/**
 * Key of the write that each check tries. The write appends nothing and creates no key, but a server that refuses writes
 * refuses it.
 */
const PROBE = 'redis:probe';
/** Errors of a server that refuses writes: it is a replica, its memory or disk is full, or it lacks replicas. */
const REFUSALS = /^(READONLY|OOM|MISCONF|NOREPLICAS)\b/;
const REPLICA = 'READONLY';

/**
 * Connections of this process to Redis. They reconnect automatically; while Redis is unavailable, commands fail immediately,
 * and every caller has a fallback. A caller that stores a client must compare it with `commands()` at every `up`: a server
 * that was unavailable at the start may turn out to be a cluster, which needs other clients.
 */
export class RedisConnections implements OnApplicationShutdown {
  private readonly logger = new Logger('Redis');
  private readonly listeners = new Set<(state: RedisState) => void>();
  private clients: RedisClients | undefined;
  /** Client for commands, once it has connected to every node of the cluster. */
  private reached: RedisClient | undefined;
  private current: RedisState = 'off';
  private lastError = 'closed';
  private refused: string | undefined;
  private checkTimer: NodeJS.Timeout | undefined;
  private kindKnown = false;
  private closed = false;
  /** Gauge of the state; undefined if no Redis is configured. */
  readonly gauge: Gauge | undefined;

  private constructor(
    private readonly settings: Settings,
    metrics: Metrics,
  ) {
    if (settings.redisUrl === undefined) return;
    this.current = 'unavailable';
    const value = (): number => (this.current === 'up' && this.refused === undefined ? 1 : 0);
    this.gauge = new Gauge({
      ...metricOf('redis_state'),
      registers: [metrics.registry],
      collect() {
        this.set(value());
      },
    });
  }

  /** Connects if REDIS_URL is set. If the server is unavailable, waits for a second and then retries in the background. */
  static async open(settings: Settings, metrics: Metrics): Promise<RedisConnections> {
    const connections = new RedisConnections(settings, metrics);
    if (settings.redisUrl !== undefined) await connections.begin(settings.redisUrl);
    return connections;
  }

  /** Whether REDIS_URL is set. */
  get configured(): boolean {
    return this.settings.redisUrl !== undefined;
  }

  get state(): RedisState {
    return this.current;
  }

  /**
   * Error of the last write if the server refused it; undefined if it was accepted. Messages are still delivered, and every
   * writer has a fallback.
   */
  get refusal(): string | undefined {
    return this.refused;
  }

  /** Whether the server is a cluster, in which all keys of a command or script must share a slot. */
  get clustered(): boolean {
    return this.clients?.commands instanceof Cluster;
  }

  /** Returns the client for all commands but subscriptions. Throws if no Redis is configured. */
  commands(): RedisClient {
    return this.both().commands;
  }

  /** Returns the client for subscriptions. */
  subscriber(): RedisClients['subscriber'] {
    return this.both().subscriber;
  }

  /** Subscriber for sharded channels; undefined if the server is not a cluster or has not yet been identified as one. */
  get shards(): ClusterSubscriber | undefined {
    return this.both().shards;
  }

  /** Calls the listener at every change of state. Returns the function that unsubscribes. */
  onState(listener: (state: RedisState) => void): () => void {
    const entry = (state: RedisState): void => listener(state);
    this.listeners.add(entry);
    return () => this.listeners.delete(entry);
  }

  /** Returns a key or channel name with the prefix of this deployment (KEY_PREFIX). */
  key(name: string): string {
    return this.settings.keyPrefix + name;
  }

  onApplicationShutdown(): void {
    this.closed = true;
    clearInterval(this.checkTimer);
    disconnect(this.clients);
  }

  private both(): RedisClients {
    if (this.clients === undefined) throw new Error('REDIS_URL is not set: this process has no Redis.');
    return this.clients;
  }

  private async begin(url: string): Promise<void> {
    const cluster = await detectCluster(url);
    this.kindKnown = cluster !== undefined;
    this.use(cluster === true ? this.clusterClients(url) : singleClients(url));
    await this.firstAnswer();
    this.checkTimer = setInterval(() => void this.check(url), CHECK_INTERVAL_MS);
    this.checkTimer.unref();
  }

  private clusterClients(url: string): RedisClients {
    return clusterClients(url, this.key(PODS_TAG));
  }

  private use(clients: RedisClients): void {
    disconnect(this.clients);
    this.clients = clients;
    const { commands, subscriber, shards } = clients;
    for (const client of [commands, subscriber, shards]) {
      client?.on('error', (error: unknown) => (this.lastError = String(error)));
      client?.on('close', () => this.assess());
    }
    commands.on('end', () => this.assess());
    commands.on('ready', () => void this.reach(commands));
    subscriber.on('ready', () => this.assess());
  }

  /**
   * Connects to each node of a cluster now; ioredis would connect at the first command for the node and delay that command.
   */
  private async reach(commands: RedisClient): Promise<void> {
    this.reached = undefined;
    if (commands instanceof Cluster) await Promise.allSettled(commands.nodes('master').map((node) => node.ping()));
    this.reached = commands;
    this.assess();
  }

  /** Resolves when Redis is available, but after a second at the latest, so that the start is not delayed. */
  private firstAnswer(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        unsubscribe();
        resolve();
      };
      const timer = setTimeout(() => {
        if (this.current === 'unavailable') this.report();
        done();
      }, CHECK_INTERVAL_MS);
      const unsubscribe = this.onState((state) => state === 'up' && done());
    });
  }

  private assess(): void {
    if (this.closed || this.clients === undefined) return;
    const { commands, subscriber } = this.clients;
    const ready = this.reached === commands && commands.status === 'ready' && subscriber.status === 'ready';
    // A server that became a replica counts as unavailable until a new connection accepts writes: its host name may then
    // point to the new master.
    const state = ready && !this.refused?.startsWith(REPLICA) ? 'up' : 'unavailable';
    if (state === this.current) return;
    this.current = state;
    this.report();
    if (state === 'up') this.lastError = 'closed';
    for (const listener of this.listeners) listener(state);
  }

  private report(): void {
    if (this.current === 'up') this.logger.log({ cluster: this.clustered }, 'Redis available');
    else this.logger.warn({ reason: this.refused ?? this.lastError }, 'Redis unavailable; working without it');
  }

  /**
   * Detects states that raise no event: a server that hangs or refuses writes, and one that was unavailable at the start and
   * is a cluster.
   */
  private async check(url: string): Promise<void> {
    const { commands, subscriber } = this.both();
    await Promise.all([this.revive(commands), this.revive(subscriber)]);
    if (this.kindKnown || this.closed) return;
    const cluster = await detectCluster(url);
    if (cluster === undefined || this.closed) return;
    this.kindKnown = true;
    if (cluster) this.use(this.clusterClients(url));
  }

  private async revive(client: RedisClient | ClusterSubscriber): Promise<void> {
    // ClusterSubscriber checks its own connection.
    if (client.status !== 'ready' || client instanceof ClusterSubscriber) return;
    const answered = await Promise.race([
      this.answers(client).catch(() => false),
      sleep(REDIS_TIMEOUT_MS, false, { ref: false }),
    ]);
    if (answered || client.status !== 'ready' || this.closed) return;
    this.lastError = `no answer within ${REDIS_TIMEOUT_MS} ms`;
    client.disconnect(true);
  }

  /**
   * Whether the server responds. For the client for commands of a single server, also records whether it accepts writes; a
   * cluster client finds writable masters itself.
   */
  private async answers(client: Redis | Cluster): Promise<boolean> {
    if (client !== this.clients?.commands || client instanceof Cluster) {
      await client.ping();
      return true;
    }
    try {
      await client.setrange(this.key(PROBE), 0, '');
      this.note(undefined);
    } catch (error) {
      const { name, message } = error instanceof Error ? error : new Error(String(error));
      if (name !== 'ReplyError') return false;
      this.note(REFUSALS.test(message) ? message : undefined);
      if (message.startsWith(REPLICA)) client.disconnect(true);
    }
    return true;
  }

  private note(refusal: string | undefined): void {
    if (refusal === this.refused) return;
    this.refused = refusal;
    this.assess();
    if (refusal === undefined) this.logger.log('Redis accepts writes again');
    else this.logger.warn({ reason: refusal }, 'Redis refuses writes');
  }
}

function disconnect(clients: RedisClients | undefined): void {
  clients?.shards?.disconnect();
  clients?.subscriber.disconnect();
  clients?.commands.disconnect();
}
