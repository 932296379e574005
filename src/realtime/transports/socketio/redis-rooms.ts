import { callbackify } from 'node:util';
import { createAdapter } from '@socket.io/redis-adapter';
import { Cluster } from 'ioredis';
import type { RedisConnections } from '../../../platform/redis/redis-connections.js';

/** A process that was killed a moment ago still counts; a question to all gives up on it after this long, ms. */
const ANSWER_MS = 2_000;

type Listener = (...args: unknown[]) => void;

/**
 * What the adapter publishes with. It drops the promise of a publish, so one that fails while Redis is away must not
 * reject: rooms then reach this process only, which was done before.
 */
class RoomPublisher {
  constructor(private readonly redis: RedisConnections) {}

  publish(channel: string, message: string | Buffer): void {
    this.redis
      .commands()
      .publish(channel, message)
      .catch(() => undefined);
  }

  /** `PUBSUB NUMSUB`: how many processes listen, over all nodes of a cluster. */
  send_command(name: string, args: string[], done: (error: unknown, answer: unknown) => void): void {
    callbackify(() => this.ask(name, args))(done);
  }

  /** Errors of the connection are logged where it is made. */
  on(): void {}
  off(): void {}

  private async ask(name: string, args: string[]): Promise<[string | undefined, number]> {
    const client = this.redis.commands();
    const nodes = client instanceof Cluster ? client.nodes('master') : [client];
    const answers = await Promise.all(nodes.map((node) => node.call(name, ...args)));
    return [args[1], answers.reduce<number>((sum, answer) => sum + listeners(answer), 0)];
  }
}

function listeners(answer: unknown): number {
  return Array.isArray(answer) ? Number(answer[1]) : 0;
}

/** What the adapter subscribes with: keeps what was asked for, because the client may be exchanged for another. */
class RoomSubscriber {
  private readonly channels = new Set<string>();
  private readonly patterns = new Set<string>();
  private readonly listeners = new Map<Listener, string>();
  private client: unknown;

  constructor(private readonly redis: RedisConnections) {
    this.client = redis.subscriber();
    redis.onState((state) => state === 'up' && this.follow());
  }

  subscribe(channels: string[]): void {
    for (const channel of channels) this.channels.add(channel);
    this.redis
      .subscriber()
      .subscribe(...channels)
      .catch(() => undefined);
  }

  psubscribe(pattern: string): void {
    this.patterns.add(pattern);
    this.redis
      .subscriber()
      .psubscribe(pattern)
      .catch(() => undefined);
  }

  unsubscribe(channels: string[]): void {
    for (const channel of channels) this.channels.delete(channel);
    this.redis
      .subscriber()
      .unsubscribe(...channels)
      .catch(() => undefined);
  }

  punsubscribe(pattern: string): void {
    this.patterns.delete(pattern);
    this.redis
      .subscriber()
      .punsubscribe(pattern)
      .catch(() => undefined);
  }

  on(event: string, listener: Listener): void {
    if (event === 'error') return;
    this.listeners.set(listener, event);
    this.redis.subscriber().on(event, listener);
  }

  off(event: string, listener: Listener): void {
    this.listeners.delete(listener);
    this.redis.subscriber().off(event, listener);
  }

  private follow(): void {
    const client = this.redis.subscriber();
    if (client === this.client) return;
    this.client = client;
    for (const [listener, event] of this.listeners) client.on(event, listener);
    if (this.channels.size > 0) this.subscribe([...this.channels]);
    for (const pattern of this.patterns) this.psubscribe(pattern);
  }
}

/** Socket.IO rooms that span the processes of a deployment: `fetchSockets`, `disconnectSockets`, `to(room).emit`. */
export function redisRooms(redis: RedisConnections): ReturnType<typeof createAdapter> {
  return createAdapter(new RoomPublisher(redis), new RoomSubscriber(redis), {
    key: redis.key('socket.io'),
    requestsTimeout: ANSWER_MS,
  });
}
