import { Cluster } from 'ioredis';
import { nodeWith } from '../../../platform/redis/cluster-subscriber.js';
import type { RedisConnections } from '../../../platform/redis/redis-connections.js';

type Handler = (message: Buffer, channel: Buffer) => void;

/**
 * Client of the package `redis`, as far as the sharded adapter needs it. On a cluster the channels are sharded: a message stays
 * at one node instead of going to all. A single server has ordinary channels. Channels are recorded here, because a server that
 * was unavailable at the start may turn out to be a cluster, and the connections are then replaced.
 */
export class RoomChannels {
  private readonly handlers = new Map<string, Handler>();
  private followed: unknown;

  constructor(private readonly redis: RedisConnections) {
    redis.onState((state) => state === 'up' && this.follow());
    this.follow();
  }

  sSubscribe(channel: string, handler: Handler): void {
    this.handlers.set(channel, handler);
    this.enter(channel);
  }

  sUnsubscribe(channel: string): void {
    this.handlers.delete(channel);
    this.source().unsubscribe(channel).catch(ignore);
  }

  /**
   * Publishes without waiting: sockets of this process are served next, and while Redis is unavailable only these are reached.
   */
  sPublish(channel: string, message: string | Buffer): Promise<void> {
    const commands = this.redis.commands();
    const sent = this.redis.clustered ? commands.spublish(channel, message) : commands.publish(channel, message);
    sent.catch(ignore);
    return Promise.resolve();
  }

  /** Answers `PUBSUB SHARDNUMSUB channel`: the number of listening processes. */
  async sendCommand([, , channel = '']: string[]): Promise<unknown> {
    const commands = this.redis.commands();
    if (!(commands instanceof Cluster)) return commands.call('PUBSUB', 'NUMSUB', channel);
    return (await nodeWith(commands, channel)).call('PUBSUB', 'SHARDNUMSUB', channel);
  }

  private enter(channel: string): void {
    this.source().subscribe(channel).catch(ignore);
  }

  private source() {
    return this.redis.shards ?? this.redis.subscriber();
  }

  private follow(): void {
    const source = this.source();
    if (source === this.followed) return;
    this.followed = source;
    source.on('messageBuffer', (channel: Buffer, message: Buffer) => {
      this.handlers.get(channel.toString())?.(message, channel);
    });
    for (const channel of this.handlers.keys()) this.enter(channel);
  }
}

/** Connections log their own errors; subscriptions are renewed when they are restored. */
function ignore(): void {}
