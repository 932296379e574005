import { EventEmitter } from 'node:events';
import type { Cluster, Redis } from 'ioredis';

/** Interval at which all subscriptions are repeated, ms. */
const RESUBSCRIBE_INTERVAL_MS = 1_000;
/** Delay before a connection that ended is replaced, ms. */
const REPLACE_DELAY_MS = 50;

/** Hash tag in keys and channels for messages between processes; in a cluster they all belong to the same slot. */
export const PODS_TAG = '{pods}';

interface Events {
  message: [channel: string, text: string];
  messageBuffer: [channel: Buffer, message: Buffer];
  ready: [];
  close: [];
  error: [reason: unknown];
}

/**
 * Subscriptions on a cluster, over one connection to the node that has a key's slot. All subscriptions are repeated every
 * second; a node that does not confirm them has failed, hangs or no longer has the slot, and its connection is replaced.
 * ioredis' own subscriptions do not suffice: after an outage of the cluster they may be lost for good although the client
 * reports to be ready; sharded ones are lost if they are requested before the slots are known, and a redirected one is
 * neither followed nor rejected.
 */
export class ClusterSubscriber extends EventEmitter<Events> {
  status: 'ready' | 'unavailable' = 'unavailable';
  private readonly wanted = new Set<string>();
  private readonly timer: NodeJS.Timeout;
  private connection: Redis | undefined;
  private asking = false;
  private closed = false;

  /**
   * Creates the subscriber. With `ssubscribe`, channels are sharded: their names must belong to the key's slot, and messages
   * are not sent to other nodes.
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

  /**
   * Subscribes until `unsubscribe` is called, across failures of nodes and connections; does not wait for a confirmation.
   */
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
    this.become('unavailable');
    if (!this.closed) setTimeout(() => void this.ask(), REPLACE_DELAY_MS).unref();
  }

  private become(status: 'ready' | 'unavailable'): void {
    if (status === this.status) return;
    this.status = status;
    this.emit(status === 'ready' ? 'ready' : 'close');
  }
}

/** Returns the node of a cluster that has a key's slot. Rejects if no node has the slot or none responds. */
export async function nodeWith(cluster: Cluster, key: string): Promise<Redis> {
  // The client retries until a node responds for the key, and then knows which one has the slot.
  await cluster.exists(key);
  // Other nodes reject a command for this key.
  return Promise.any(cluster.nodes('master').map(async (node) => node.exists(key).then(() => node)));
}

/** Ignores a failed request: the next interval repeats it. */
function ignore(): void {}
