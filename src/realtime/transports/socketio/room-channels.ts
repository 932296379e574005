import { Cluster } from 'ioredis';
import { nodeWith } from '../../../platform/redis/cluster-subscriber.js';
import type { RedisConnections } from '../../../platform/redis/redis-connections.js';

type Handler = (message: Buffer, channel: Buffer) => void;

/**
 * The part of the package `redis`'s client that the sharded adapter uses. On a cluster the channels are sharded: a
 * message is sent to one node instead of all nodes. On a single server they are ordinary channels. Subscriptions are
 * recorded here, because a server that was unavailable at the start may turn out to be a cluster, and its connections are
 * then replaced.
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
   * Publishes without waiting for Redis: the adapter serves the sockets of this process next, and while Redis is
   * unavailable it reaches only these.
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

/** The Redis connections log their own errors, and renew their subscriptions when they are restored. */
function ignore(): void {}
