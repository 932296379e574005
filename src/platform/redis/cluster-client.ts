import { Cluster, type ClusterNode, type ClusterOptions, type Redis } from 'ioredis';

/**
 * Cluster client that closes every connection it opened. ioredis' own client leaks connections in two cases: when it
 * replaces a connection to a node and the old connection ends after the new one was created, and when a command is
 * redirected after the client was closed, for which it opens a new connection.
 */
export class ClusterClient extends Cluster {
  /** Last opened connection to each node. */
  private readonly newest = new Map<string, Redis>();
  private ended = false;

  constructor(
    private readonly entrances: readonly ClusterNode[],
    options?: ClusterOptions,
  ) {
    super([...entrances], options);
    this.on('+node', (node: Redis) => {
      const name = `${node.options.host}:${node.options.port}`;
      this.newest.get(name)?.disconnect();
      this.newest.set(name, node);
      if (this.ended) node.disconnect();
    });
  }

  override connect(): Promise<void> {
    this.ended = false;
    return super.connect();
  }

  override disconnect(reconnect = false): void {
    super.disconnect(reconnect);
    if (!reconnect) this.leaveAll();
  }

  override async quit(): Promise<'OK'> {
    try {
      return await super.quit();
    } finally {
      this.leaveAll();
    }
  }

  /** Returns a copy, which BullMQ needs; the copy closes its connections, too. */
  override duplicate(entrances: readonly ClusterNode[] = [], options: ClusterOptions = {}): ClusterClient {
    return new ClusterClient(entrances.length > 0 ? entrances : this.entrances, { ...this.options, ...options });
  }

  private leaveAll(): void {
    this.ended = true;
    for (const node of this.newest.values()) node.disconnect();
  }
}
