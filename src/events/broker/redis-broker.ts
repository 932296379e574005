import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { RedisConnections } from '../../platform/redis/redis-connections.js';
import type { LogEvent } from '../core/log-event.js';
import type { CacheRefresh } from '../hot-cache/cache-refresh.js';
import type { RedisCacheStore } from '../hot-cache/redis-cache-store.js';
import { decodeBatch, encodeBatch, messageHead } from './batch-message.js';
import { Broker, type BatchListener } from './broker.js';
import { ChannelMirror } from './channel-mirror.js';

/** A Redis that takes longer for a batch is not waited for: the sequencer goes on and pods read the log. */
const PUBLISH_MS = 400;
/** After that it is left alone for as long. */
const PAUSE_MS = 1_000;
/** Under which all batches travel, whole: one message per batch, however many channels its events belong to. */
const CHANNEL = 'log';

/**
 * Between processes: one atomic step per batch refreshes the hot cache and publishes. The listeners of this process are
 * called directly, after that step and also when it failed, so that the leader's own clients never wait for Redis to
 * come back.
 */
export class RedisBroker extends Broker implements OnApplicationShutdown {
  private readonly logger = new Logger('Broker');
  private readonly listeners = new Set<BatchListener>();
  private readonly sender = randomUUID();
  private readonly ownHead = messageHead(this.sender);
  private readonly mirror: ChannelMirror;
  private readonly unwatch: () => void;
  private subscribedWith: unknown;
  private pausedUntil = 0;

  constructor(
    private readonly redis: RedisConnections,
    private readonly store: RedisCacheStore,
    private readonly refresh: CacheRefresh,
  ) {
    super();
    this.mirror = new ChannelMirror(redis);
    this.unwatch = redis.onState(() => this.listen());
    this.listen();
  }

  override async publish(batch: readonly LogEvent[]): Promise<void> {
    try {
      await this.send(batch);
    } finally {
      this.deliver(batch, batch.at(-1)?.seq ?? 0);
    }
  }

  override subscribe(listener: BatchListener): () => void {
    const entry: BatchListener = (batch, through) => listener(batch, through);
    this.listeners.add(entry);
    return () => this.listeners.delete(entry);
  }

  override close(): Promise<void> {
    this.unwatch();
    this.listeners.clear();
    return Promise.resolve();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  private async send(batch: readonly LogEvent[]): Promise<void> {
    if (Date.now() < this.pausedUntil) throw new Error('Redis did not take the last batch in time.');
    const messages = [[CHANNEL, encodeBatch(this.sender, batch)] as const, ...this.mirror.messages(batch)];
    const written = this.store.write(this.refresh.entries(batch), 'newer', messages).then(() => true);
    const late = new AbortController();
    const timeout = sleep(PUBLISH_MS, false, { signal: late.signal, ref: false });
    timeout.catch(() => undefined);
    const inTime = await Promise.race([written, timeout]).finally(() => late.abort());
    if (inTime) return;
    written.catch(() => undefined);
    this.pausedUntil = Date.now() + PAUSE_MS;
    throw new Error(`Redis did not take the batch within ${PUBLISH_MS} ms.`);
  }

  /** Subscribes, again where the connections were replaced. */
  private listen(): void {
    const subscriber = this.redis.subscriber();
    if (subscriber === this.subscribedWith) return;
    this.subscribedWith = subscriber;
    const channel = this.redis.key(CHANNEL);
    subscriber.on('message', (name: string, text: string) => name === channel && this.receive(text));
    subscriber.subscribe(channel).catch((error: unknown) => {
      this.logger.debug({ reason: String(error) }, 'subscription ended');
    });
  }

  private receive(text: string): void {
    if (text.startsWith(this.ownHead)) return;
    const message = decodeBatch(text);
    if (message === undefined) this.logger.warn('ignored a message that is no batch of the log');
    else this.deliver(message.batch, message.through);
  }

  private deliver(batch: readonly LogEvent[], through: number): void {
    for (const listener of this.listeners) listener(batch, through);
  }
}
