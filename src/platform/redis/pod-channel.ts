import { randomUUID } from 'node:crypto';
import { Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { PODS_TAG } from './cluster-subscriber.js';
import { RedisConnections } from './redis-connections.js';

/** JSON object. Listeners check its fields: it may come from another version, or from anyone with redis-cli. */
export type PodMessage = Readonly<Record<string, unknown>>;

const KIND = /^[a-z][a-z0-9-]{0,63}$/;
/** Maximum bytes of a message; larger ones are neither sent nor accepted. */
const MAX_BYTES = 1_000_000;
/**
 * Script for a cluster: the key sends all messages to the same node. Messages that start at different nodes overtake each
 * other.
 */
const PUBLISH = `return redis.call('PUBLISH', ARGV[1], ARGV[2])`;

/**
 * Short messages from each process to all, itself included: revocations, announcements. In this process they arrive before
 * `publish` returns; in the others at most once, if Redis is available. Information that must not be lost is in the database.
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

  /** Publishes a message. Never throws: resolves with whether it was sent to the other processes too. */
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
      this.logger.warn({ kind, reason: String(error) }, 'message could not be sent to the other processes');
      return false;
    }
  }

  /** Calls the listener for every message of the kind. Returns the function that unsubscribes. */
  on(kind: string, listener: (body: PodMessage) => void): () => void {
    if (!KIND.test(kind)) throw new RangeError(`Unknown kind of message '${kind}'.`);
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
      this.logger.debug({ reason: String(error) }, 'subscription ended');
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
