import { Cluster, type Redis } from 'ioredis';
import { escapedPattern } from '../../platform/redis/escaped-pattern.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import type { BackgroundLoops } from '../../platform/process/background-loops.js';
import type { RedisConnections } from '../../platform/redis/redis-connections.js';
import { CONNECTION_NAME } from '../../platform/redis/redis-options.js';
import { channelsOf } from '../core/channels.js';
import { isDelivered, type LogEvent } from '../core/log-event.js';
import { eventPayload } from '../core/payload.js';
import type { ChannelMessage } from '../hot-cache/redis-cache-store.js';

const LOOKUP_INTERVAL_MS = 1_000;
/** Time without a batch after which the look-ups of listeners stop, ms. A leader has at least one batch every 10 s. */
const IDLE_TIMEOUT_MS = 30_000;

/**
 * Publishes events to public Redis channels (`events:prices`, `events:protocol:{slug}`, …) for redis-cli and for programs in
 * other languages. An event is published only to channels with subscribers, so that channels without any cost nothing. The
 * subscribers are looked up every second as long as this process publishes, even if no batch arrives in between, so that
 * subscribers that arrive in a quiet period receive the next event. Rows with an owner are never published.
 */
export class ChannelMirror {
  /** Channels with subscribers; undefined if a client is subscribed to a pattern, which may match any channel. */
  private subscribed: ReadonlySet<string> | undefined = new Set();
  private readonly loop: BackgroundLoop;
  private looking: Promise<void> | undefined;
  /** Time of the last use, `performance.now()`. */
  private usedAt = -Infinity;
  /** Whether the look-ups wait for the next use. */
  private isResting = true;

  constructor(
    private readonly redis: RedisConnections,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'public_channels',
      intervalMs: LOOKUP_INTERVAL_MS,
      run: () => this.lookUpUnlessIdle(),
    });
    this.loop.start();
  }

  /** Starts the look-ups of subscribers; resolves when the first one has succeeded or failed. */
  async attend(): Promise<void> {
    this.usedAt = performance.now();
    if (!this.isResting) return this.looking;
    this.isResting = false;
    this.loop.ring();
    return this.look();
  }

  close(): void {
    void this.loop.stop();
  }

  messages(batch: readonly LogEvent[]): ChannelMessage[] {
    void this.attend();
    const { subscribed } = this;
    if (subscribed?.size === 0) return [];
    return batch.flatMap((event): ChannelMessage[] => {
      if (event.owner !== null || !isDelivered(event)) return [];
      const channels = channelsOf(event).filter((channel) => subscribed === undefined || subscribed.has(channel));
      if (channels.length === 0) return [];
      const text = JSON.stringify(eventPayload(event));
      return channels.map((channel) => [channel, text]);
    });
  }

  private async lookUpUnlessIdle(): Promise<number> {
    this.isResting = performance.now() - this.usedAt > IDLE_TIMEOUT_MS;
    if (this.isResting) return Infinity;
    await this.look();
    return LOOKUP_INTERVAL_MS;
  }

  private look(): Promise<void> {
    // If a look-up fails, the previous result stays in use; without the right to list channels nothing is published.
    this.looking ??= this.lookUp()
      .catch(() => undefined)
      .finally(() => (this.looking = undefined));
    return this.looking;
  }

  private async lookUp(): Promise<void> {
    const commands = this.redis.commands();
    const nodes: readonly Redis[] = commands instanceof Cluster ? commands.nodes('all') : [commands];
    const prefix = this.redis.key('');
    const found = await Promise.all(
      nodes.map(async (node) => ({
        clients: String(await node.call('CLIENT', 'LIST', 'TYPE', 'pubsub')),
        channels: (await node.pubsub('CHANNELS', `${escapedPattern(prefix)}events:*`)) as string[],
      })),
    );
    if (found.some(({ clients }) => listensToPattern(clients))) this.subscribed = undefined;
    else this.subscribed = new Set(found.flatMap(({ channels }) => channels.map((name) => name.slice(prefix.length))));
  }
}

/**
 * Whether a client other than this application's is subscribed to a pattern. This application's own pattern subscriptions
 * belong to the Socket.IO adapter and do not concern events.
 */
function listensToPattern(clients: string): boolean {
  return clients.split('\n').some((line) => /\bpsub=[1-9]/.test(line) && !line.includes(`name=${CONNECTION_NAME}`));
}
