import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { Logger, type OnApplicationShutdown } from '@nestjs/common';
import type { BackgroundLoops } from '../../platform/process/background-loops.js';
import type { RedisConnections } from '../../platform/redis/redis-connections.js';
import { formatCursor, parseCursor, type CursorPosition } from '../core/cursor.js';
import type { LogEvent } from '../core/log-event.js';
import type { CacheEntry } from '../hot-cache/cache-entry.js';
import type { CacheRefresh } from '../hot-cache/cache-refresh.js';
import type { RedisCacheStore } from '../hot-cache/redis-cache-store.js';
import { decodeBatch, encodeBatch, messageHead } from './batch-message.js';
import { Broker, type BatchListener } from '../feed/broker.js';
import { ChannelMirror } from './channel-mirror.js';
import { MessageLine } from './message-line.js';

/**
 * Longest wait for Redis per batch, ms; after that the sequencer continues, and other processes read the batch from the log.
 */
const PUBLISH_TIMEOUT_MS = 400;
/** Time after a timeout in which no batch is sent to Redis, ms. */
const PAUSE_AFTER_TIMEOUT_MS = 1_000;
/** Channel of all batches: one message per batch, however many event channels its events belong to. */
const CHANNEL = 'log';
/** Key of the highest published position; a database restored from a backup does not have it. */
const HEAD = 'log:head';
/** Longest wait for that position, ms; without it, the next leader compares the log with its own position only. */
const HEAD_TIMEOUT_MS = 200;

/**
 * Broker between processes. One atomic step per batch updates the hot cache and publishes the batch. The listeners of this
 * process are called directly after that step, even if it failed, so that clients of the leader's process never wait for
 * Redis.
 */
export class RedisBroker extends Broker implements OnApplicationShutdown {
  private readonly logger = new Logger('Broker');
  private readonly listeners = new Set<BatchListener>();
  private readonly sender = randomUUID();
  private readonly ownHead = messageHead(this.sender);
  private readonly line = new MessageLine((text) => this.receive(text));
  private readonly mirror: ChannelMirror;
  private readonly unwatch: () => void;
  private subscribedWith: unknown;
  private pausedUntil = 0;

  constructor(
    private readonly redis: RedisConnections,
    private readonly store: RedisCacheStore,
    private readonly refresh: Pick<CacheRefresh, 'entries'>,
    loops: BackgroundLoops,
  ) {
    super();
    this.mirror = new ChannelMirror(redis, loops);
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

  override async furthest(): Promise<CursorPosition | undefined> {
    let head: string | null | undefined;
    const asked = this.store.read([HEAD]).then(([text]) => (head = text));
    // A process calls this before it publishes, so the subscribers of public channels are looked up at the same time.
    await within(HEAD_TIMEOUT_MS, Promise.all([asked, this.mirror.attend()])).catch(() => undefined);
    return parseCursor(head?.slice(HEAD_START.length, -HEAD_END.length));
  }

  override begin(head: CursorPosition): void {
    this.store.write([headEntry(head)], 'known').catch(() => undefined);
  }

  override subscribe(listener: BatchListener): () => void {
    const entry: BatchListener = (batch, through) => listener(batch, through);
    this.listeners.add(entry);
    return () => this.listeners.delete(entry);
  }

  override close(): Promise<void> {
    this.unwatch();
    this.mirror.close();
    this.line.close();
    this.listeners.clear();
    return Promise.resolve();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.close();
  }

  private async send(batch: readonly LogEvent[]): Promise<void> {
    if (Date.now() < this.pausedUntil) throw new Error('Redis did not accept the last batch in time.');
    const messages = [[CHANNEL, encodeBatch(this.sender, batch)] as const, ...this.mirror.messages(batch)];
    const entries = [...this.refresh.entries(batch), ...batch.slice(-1).map(headEntry)];
    if (await within(PUBLISH_TIMEOUT_MS, this.store.write(entries, 'newer', messages))) return;
    this.pausedUntil = Date.now() + PAUSE_AFTER_TIMEOUT_MS;
    throw new Error(`Redis did not accept the batch within ${PUBLISH_TIMEOUT_MS} ms.`);
  }

  /** Subscribes, and subscribes again after the Redis connections were replaced. */
  private listen(): void {
    const subscriber = this.redis.subscriber();
    if (subscriber === this.subscribedWith) return;
    this.subscribedWith = subscriber;
    const channel = this.redis.key(CHANNEL);
    subscriber.on('message', (name: string, text: string) => {
      if (name === channel && !text.startsWith(this.ownHead)) this.line.add(text);
    });
    subscriber.subscribe(channel).catch((error: unknown) => {
      this.logger.debug({ err: error }, 'subscription ended');
    });
  }

  private receive(text: string): void {
    const message = decodeBatch(text);
    if (message === undefined) this.logger.warn('invalid message on the log channel ignored');
    else this.deliver(message.batch, message.through);
  }

  private deliver(batch: readonly LogEvent[], through: number): void {
    for (const listener of this.listeners) listener(batch, through);
  }
}

const HEAD_START = '{"at":"';
const HEAD_END = '"}';

function headEntry({ epoch, seq }: CursorPosition): CacheEntry {
  return { key: HEAD, text: `${HEAD_START}${formatCursor(epoch, seq)}${HEAD_END}` };
}

/** Returns whether `done` resolved within the time; rejects if it rejected within the time. Later results are ignored. */
async function within(milliseconds: number, done: Promise<unknown>): Promise<boolean> {
  const late = new AbortController();
  const timeout = sleep(milliseconds, false, { signal: late.signal, ref: false });
  timeout.catch(() => undefined);
  done.catch(() => undefined);
  return Promise.race([done.then(() => true), timeout]).finally(() => late.abort());
}
