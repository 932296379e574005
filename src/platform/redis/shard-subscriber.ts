import { EventEmitter } from 'node:events';
import type { Cluster, Redis } from 'ioredis';

/** How often what is wanted is asked for again, ms. */
const AGAIN_MS = 1_000;

/**
 * Sharded channels of one slot of a cluster, over a connection of its own to whichever node has the slot. All channels
 * are asked for again every second, which a node answers at once: whoever lost them, hangs, or gave the slot away is
 * found out that way, and followed. The client's own sharded subscriptions would not do: what is asked for before it
 * knows the slots is lost, and a redirected subscription is neither followed nor rejected.
 *
 * Emits `messageBuffer` with channel and message, like a client of a single server.
 */
export class ShardSubscriber extends EventEmitter<{ messageBuffer: [channel: Buffer, message: Buffer] }> {
  private readonly wanted = new Set<string>();
  private connection: Redis | undefined;
  private timer: NodeJS.Timeout | undefined;
  private asking = false;
  private closed = false;

  constructor(private readonly cluster: Cluster) {
    super();
  }

  /** All channels must share a slot. Holds until `unsubscribe`, whatever happens to nodes and connections. */
  subscribe(channel: string): void {
    if (this.closed) return;
    this.wanted.add(channel);
    this.timer ??= setInterval(() => void this.ask(), AGAIN_MS).unref();
    if (this.connection) this.connection.ssubscribe(channel).catch(() => undefined);
    else void this.ask();
  }

  unsubscribe(channel: string): void {
    this.wanted.delete(channel);
    if (this.wanted.size === 0) this.stop();
    else this.connection?.sunsubscribe(channel).catch(() => undefined);
  }

  close(): void {
    this.closed = true;
    this.wanted.clear();
    this.stop();
  }

  private stop(): void {
    clearInterval(this.timer);
    this.timer = undefined;
    this.leave(this.connection);
  }

  private async ask(): Promise<void> {
    if (this.asking) return;
    this.asking = true;
    try {
      this.connection ??= await this.connect();
      if (this.wanted.size > 0) await this.connection?.ssubscribe(...this.wanted);
    } catch {
      this.leave(this.connection);
    } finally {
      this.asking = false;
    }
  }

  private async connect(): Promise<Redis | undefined> {
    const [channel] = this.wanted;
    if (channel === undefined) return undefined;
    const node = await nodeWith(this.cluster, channel);
    if (this.wanted.size === 0) return undefined;
    const connection = node.duplicate({ autoResubscribe: false });
    connection.on('smessageBuffer', (name: Buffer, message: Buffer) => this.emit('messageBuffer', name, message));
    connection.on('error', () => this.leave(connection));
    connection.on('moved', () => this.leave(connection));
    connection.on('end', () => this.leave(connection));
    return connection;
  }

  private leave(connection: Redis | undefined): void {
    if (connection === undefined || connection !== this.connection) return;
    this.connection = undefined;
    connection.removeAllListeners('smessageBuffer');
    connection.disconnect();
  }
}

/** The node of a cluster that has a key's slot. Rejects while nobody has it, or nobody answers. */
export async function nodeWith(cluster: Cluster, key: string): Promise<Redis> {
  // The client looks for the node until it answers, and then knows it.
  await cluster.exists(key);
  // Only the node that has a slot answers about its keys.
  return Promise.any(cluster.nodes('master').map(async (node) => node.exists(key).then(() => node)));
}
