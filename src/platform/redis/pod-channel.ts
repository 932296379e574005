import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { PODS_TAG } from './cluster-subscriber.js';
import { RedisConnections } from './redis-connections.js';

/** JSON object. Listeners must check its fields: the sender may run another version, or be anyone with redis-cli. */
export type PodMessage = Readonly<Record<string, unknown>>;

const KIND = /^[a-z][a-z0-9-]{0,63}$/;
/** Largest message, bytes; larger messages are neither sent nor accepted. */
const MAX_BYTES = 1_000_000;
/**
 * Script for a cluster. Its key sends all messages through the same node, so that they arrive in order; messages sent
 * through different nodes could overtake each other.
 */
const PUBLISH = `return redis.call('PUBLISH', ARGV[1], ARGV[2])`;

/**
 * Short messages from a process to all processes including itself, such as revocations and announcements. The sender's own
 * listeners run before `publish` returns; other processes receive a message at most once, and only if Redis is available.
 * Information that must not be lost is also stored in the database.
 */
@Injectable()
export class PodChannel implements OnApplicationShutdown {
  private readonly logger = new Logger(PodChannel.name);
  private readonly listeners = new Map<string, Set<(body: PodMessage) => void>>();
  private readonly sender = randomUUID();
  private readonly channel: string;
  private readonly unwatch: () => void;
  private subscribedWith: unknown;

  constructor(private readonly redis: RedisConnections) {
    this.channel = redis.key('pods');
    this.unwatch = redis.onState(() => this.subscribe());
    if (redis.configured) this.subscribe();
  }

  /** Publishes a message and returns whether it was also sent to the other processes. Never throws. */
  async publish(kind: string, body: PodMessage): Promise<boolean> {
    this.deliver(kind, body);
    if (!this.redis.configured) return true;
    const text = JSON.stringify({ sender: this.sender, kind, body });
    try {
      if (Buffer.byteLength(text) > MAX_BYTES) throw new RangeError(`The message is larger than ${MAX_BYTES} bytes.`);
      const commands = this.redis.commands();
      if (this.redis.clustered) await commands.eval(PUBLISH, 1, this.redis.key(PODS_TAG), this.channel, text);
      else await commands.publish(this.channel, text);
      return true;
    } catch (error) {
      this.logger.warn({ kind, err: error }, 'message could not be sent to the other processes');
      return false;
    }
  }

  /** Calls the listener for every message of this kind. Returns the function that unsubscribes it. */
  on(kind: string, listener: (body: PodMessage) => void): () => void {
    if (!KIND.test(kind)) throw new RangeError(`The kind of a message must match ${KIND.source}, unlike '${kind}'.`);
    const entry = (body: PodMessage): void => listener(body);
    const listeners = this.listeners.get(kind) ?? new Set();
    this.listeners.set(kind, listeners.add(entry));
    return () => listeners.delete(entry);
  }

  onApplicationShutdown(): void {
    this.unwatch();
    this.listeners.clear();
  }

  private subscribe(): void {
    const subscriber = this.redis.subscriber();
    if (subscriber === this.subscribedWith) return;
    this.subscribedWith = subscriber;
    subscriber.on('message', (channel: string, text: string) => channel === this.channel && this.receive(text));
    subscriber.subscribe(this.channel).catch((error: unknown) => {
      this.logger.debug({ err: error }, 'subscription ended');
    });
  }

  private receive(text: string): void {
    const message = parse(text);
    if (message === undefined) this.logger.warn('invalid message between processes ignored');
    else if (message.sender !== this.sender) this.deliver(message.kind, message.body);
  }

  private deliver(kind: string, body: PodMessage): void {
    for (const listener of this.listeners.get(kind) ?? []) {
      try {
        listener(body);
      } catch (error) {
        this.logger.error({ err: error, kind }, 'listener of messages between processes failed');
      }
    }
  }
}

function parse(text: string): { sender: string; kind: string; body: PodMessage } | undefined {
  if (text.length > MAX_BYTES) return undefined;
  try {
    const { sender, kind, body } = Object(JSON.parse(text)) as Record<string, unknown>;
    if (typeof sender !== 'string' || typeof kind !== 'string' || !KIND.test(kind)) return undefined;
    if (typeof body !== 'object' || body === null || Array.isArray(body)) return undefined;
    return { sender, kind, body: { ...body } };
  } catch {
    return undefined;
  }
}
