import { Cluster, type Redis } from 'ioredis';
import { escapedPattern } from '../../platform/redis/escaped-pattern.js';
import type { RedisConnections } from '../../platform/redis/redis-connections.js';
import { CONNECTION_NAME } from '../../platform/redis/redis-options.js';
import { channelsOf } from '../core/channels.js';
import { isDelivered, type LogEvent } from '../core/log-event.js';
import { eventPayload } from '../core/payload.js';
import type { ChannelMessage } from '../hot-cache/redis-cache-store.js';

const LOOKUP_INTERVAL_MS = 1_000;

/**
 * Public channels (`events:prices`, `events:protocol:{slug}`, …) in Redis, for people with redis-cli and for programs in other
 * languages. An event is sent only to channels with listeners, looked up every second, so that channels without listeners cost
 * nothing. Rows with an owner are never sent.
 */
export class ChannelMirror {
  /** Channels with listeners; undefined: a pattern is subscribed, which may match any. */
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
    this.nextLookAt = now + LOOKUP_INTERVAL_MS;
    // Without the right to list channels nothing is mirrored; the next lookup tries again.
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

/** Whether a client of another product subscribed to a pattern. The patterns of the Socket.IO adapter do not concern events. */
function listensToPattern(clients: string): boolean {
  return clients.split('\n').some((line) => /\bpsub=[1-9]/.test(line) && !line.includes(`name=${CONNECTION_NAME}`));
}
