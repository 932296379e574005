import { EventEmitter } from 'node:events';
import type { Cluster, Redis } from 'ioredis';

/** Interval at which all subscriptions are requested again, ms. */
const RESUBSCRIBE_INTERVAL_MS = 1_000;
/** Delay before a connection that ended is replaced, ms. */
const REPLACE_MS = 50;

/** Tag in names of messages between processes: puts all of them into one slot of a cluster. */
export const PODS_TAG = '{pods}';

interface Events {
  message: [channel: string, text: string];
  messageBuffer: [channel: Buffer, message: Buffer];
  ready: [];
  close: [];
  error: [reason: unknown];
}

/**
 * Subscriptions on a cluster, over one connection to the node that has the slot of a key. All of them are requested again every
 * second, which a node answers at once: this detects a node that lost them, hangs or gave the slot away. The library's own
 * subscriptions do not suffice. After an outage of the cluster they may be lost for good, while its client reports to be ready;
 * sharded ones are lost when they are requested before the slots are known, and neither followed nor rejected when they are
 * redirected.
 */
export class ClusterSubscriber extends EventEmitter<Events> {
  status: 'ready' | 'away' = 'away';
  private readonly wanted = new Set<string>();
  private readonly timer: NodeJS.Timeout;
  private connection: Redis | undefined;
  private asking = false;
  private closed = false;

  /**
   * Creates the subscriber. With `ssubscribe`, channels are sharded: they must be of the key's slot, and their messages stay at
   * its node.
   */
  constructor(
    private readonly cluster: Cluster,
    private readonly key: string,
    private readonly kind: 'subscribe' | 'ssubscribe',
  ) {
    super();
    this.timer = setInterval(() => void this.ask(), RESUBSCRIBE_INTERVAL_MS).unref();
    cluster.on('ready', () => void this.ask());
  }

  /** Subscribes until `unsubscribe`, whatever happens to nodes and connections; does not wait for the first confirmation. */
  async subscribe(channel: string): Promise<void> {
    this.wanted.add(channel);
    this.connection?.[this.kind](channel).catch(ignore);
  }

  async unsubscribe(channel: string): Promise<void> {
    this.wanted.delete(channel);
    this.connection?.[this.kind === 'subscribe' ? 'unsubscribe' : 'sunsubscribe'](channel).catch(ignore);
  }

  disconnect(): void {
    this.closed = true;
    clearInterval(this.timer);
    if (this.connection) this.leave(this.connection);
  }

  private async ask(): Promise<void> {
    if (this.asking || this.closed) return;
    this.asking = true;
    try {
      const connection = (this.connection ??= await this.connect());
      await (this.wanted.size > 0 ? connection[this.kind](...this.wanted) : connection.ping());
      this.become('ready');
    } catch (error) {
      this.emit('error', error);
      if (this.connection) this.leave(this.connection);
    } finally {
      this.asking = false;
    }
  }

  private async connect(): Promise<Redis> {
    const node = await nodeWith(this.cluster, this.key);
    if (this.closed) throw new Error('closed');
    const connection = node.duplicate({ autoResubscribe: false });
    connection.on('message', (channel: string, text: string) => this.emit('message', channel, text));
    connection.on('smessageBuffer', (channel: Buffer, message: Buffer) => this.emit('messageBuffer', channel, message));
    connection.on('error', (error: unknown) => {
      this.emit('error', error);
      this.leave(connection);
    });
    connection.on('moved', () => this.leave(connection));
    connection.on('end', () => this.leave(connection));
    return connection;
  }

  private leave(connection: Redis): void {
    if (connection !== this.connection) return;
    this.connection = undefined;
    for (const event of ['message', 'smessageBuffer']) connection.removeAllListeners(event);
    connection.disconnect();
    this.become('away');
    if (!this.closed) setTimeout(() => void this.ask(), REPLACE_MS).unref();
  }

  private become(status: 'ready' | 'away'): void {
    if (status === this.status) return;
    this.status = status;
    this.emit(status === 'ready' ? 'ready' : 'close');
  }
}

/** Returns the node of a cluster that has a key's slot. Rejects while no node has it, or none answers. */
export async function nodeWith(cluster: Cluster, key: string): Promise<Redis> {
  // The client searches for the node until it answers, and then knows it.
  await cluster.exists(key);
  // Only the node that has a slot answers about its keys.
  return Promise.any(cluster.nodes('master').map(async (node) => node.exists(key).then(() => node)));
}

/** Failed requests are repeated at the next interval. */
function ignore(): void {}
