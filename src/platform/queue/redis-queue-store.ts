import { createRedisBackend } from 'bullmq';
import { queueClient, type RedisClient } from '../redis/redis-options.js';
import type { RedisConnections } from '../redis/redis-connections.js';
import { QueueStore, type StoreBackendFactory } from './queue-store.js';
import { StoreState } from './store-state.js';

/**
 * Queues in Redis, with connections of their own: BullMQ needs commands that wait for an unavailable server instead of
 * failing, and each worker uses a blocking copy of the connection.
 */
export class RedisQueueStore extends QueueStore {
  readonly kind = 'redis';
  private readonly state = new StoreState('redis');
  private readonly replaced = new Set<() => void>();
  private readonly unwatch: () => void;
  private client: RedisClient;
  private clustered: boolean;
  private closed = false;

  constructor(
    private readonly redis: RedisConnections,
    private readonly url: string,
  ) {
    super();
    this.clustered = redis.clustered;
    this.client = this.open();
    this.unwatch = redis.onState(() => this.followKind());
  }

  get reachable(): boolean {
    return this.client.status === 'ready';
  }

  /**
   * Puts the queue's name in braces: in a cluster, all keys of a queue then share a slot, and queues are spread over the
   * nodes.
   */
  readonly backends: StoreBackendFactory = (name, options, needs) => {
    const prefixed = { ...options, connection: this.client, prefix: this.redis.key(`{queue:${name}}`) };
    return createRedisBackend(name, prefixed, needs);
  };

  onReplaced(listener: () => void): void {
    this.replaced.add(listener);
  }

  async onApplicationShutdown(): Promise<void> {
    this.closed = true;
    this.unwatch();
    this.client.disconnect();
  }

  private open(): RedisClient {
    const client = queueClient(this.url, this.clustered);
    client.on('ready', () => this.state.up());
    client.on('error', (error: unknown) => !this.closed && this.state.lost(error));
    client.on('close', () => !this.closed && client === this.client && this.state.lost('connection closed'));
    return client;
  }

  /** Replaces the connection if Redis was unavailable at the start and turns out to be a cluster. */
  private followKind(): void {
    if (this.redis.clustered === this.clustered || this.closed) return;
    this.clustered = this.redis.clustered;
    const former = this.client;
    this.client = this.open();
    for (const listener of this.replaced) listener();
    former.disconnect();
  }
}
