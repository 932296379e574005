import { Cluster, type Redis } from 'ioredis';
import { escapedPattern } from '../../platform/redis/escaped-pattern.js';
import type { RedisConnections } from '../../platform/redis/redis-connections.js';
import { CONNECTION_NAME } from '../../platform/redis/redis-options.js';
import { channelsOf } from '../core/channels.js';
import { isDelivered, type LogEvent } from '../core/log-event.js';
import { eventPayload } from '../core/payload.js';
import type { ChannelMessage } from '../hot-cache/redis-cache-store.js';

const LOOK_MS = 1_000;

/**
 * The public channels (`events:prices`, `events:protocol:{slug}`, …) in Redis, for people with redis-cli and for programs
 * of other languages. An event goes only where somebody listens, looked up every second, so that nobody's absence costs
 * nothing. Rows with an owner never go there.
 */
export class ChannelMirror {
  /** undefined: somebody listens to a pattern, which may be any. */
  private heard: ReadonlySet<string> | undefined = new Set();
  private nextLookAt = 0;

  constructor(private readonly redis: RedisConnections) {}

  messages(batch: readonly LogEvent[]): ChannelMessage[] {
    this.lookNowAndThen();
    const { heard } = this;
    if (heard?.size === 0) return [];
    return batch.flatMap((event): ChannelMessage[] => {
      if (event.owner !== null || !isDelivered(event)) return [];
      const channels = channelsOf(event).filter((channel) => heard === undefined || heard.has(channel));
      if (channels.length === 0) return [];
      const text = JSON.stringify(eventPayload(event));
      return channels.map((channel) => [channel, text]);
    });
  }

  private lookNowAndThen(): void {
    const now = Date.now();
    if (now < this.nextLookAt) return;
    this.nextLookAt = now + LOOK_MS;
    // A login that may not ask mirrors nothing; the next look tries again.
    this.look().catch(() => (this.heard = new Set()));
  }

  private async look(): Promise<void> {
    const commands = this.redis.commands();
    const nodes: readonly Redis[] = commands instanceof Cluster ? commands.nodes('all') : [commands];
    const prefix = this.redis.key('');
    const found = await Promise.all(
      nodes.map(async (node) => ({
        clients: String(await node.call('CLIENT', 'LIST', 'TYPE', 'pubsub')),
        channels: (await node.pubsub('CHANNELS', `${escapedPattern(prefix)}events:*`)) as string[],
      })),
    );
    if (found.some(({ clients }) => listensToPattern(clients))) this.heard = undefined;
    else this.heard = new Set(found.flatMap(({ channels }) => channels.map((name) => name.slice(prefix.length))));
  }
}

/** Whether a client that is none of ours subscribed to a pattern. The Socket.IO adapter's patterns are not for events. */
function listensToPattern(clients: string): boolean {
  return clients.split('\n').some((line) => /\bpsub=[1-9]/.test(line) && !line.includes(`name=${CONNECTION_NAME}`));
}
