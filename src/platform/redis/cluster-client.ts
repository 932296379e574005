import { Cluster, type ClusterNode, type ClusterOptions, type Redis } from 'ioredis';

/**
 * Client of a cluster that closes every connection it opened. The library's own loses track of one when a former connection to
 * the same node ends after it was made, as happens when all are replaced because one hangs; and it opens new ones for commands
 * that are redirected after its end.
 */
export class ClusterClient extends Cluster {
  /** Newest connection to each node. */
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

  /** Returns a copy for queues, which closes its connections too. */
  override duplicate(entrances: readonly ClusterNode[] = [], options: ClusterOptions = {}): ClusterClient {
    return new ClusterClient(entrances.length > 0 ? entrances : this.entrances, { ...this.options, ...options });
  }

  private leaveAll(): void {
    this.ended = true;
    for (const node of this.newest.values()) node.disconnect();
  }
}
