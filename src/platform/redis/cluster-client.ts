import { Cluster, type Redis } from 'ioredis';

/**
 * A client of a cluster that closes every connection it opened. The library's own forgets one when a former connection to
 * the same node ends after it was made, as happens when all are made anew because one hangs.
 */
export class ClusterClient extends Cluster {
  /** The newest connection to each node. */
  private readonly newest = new Map<string, Redis>();

  constructor(...parameters: ConstructorParameters<typeof Cluster>) {
    super(...parameters);
    this.on('+node', (node: Redis) => {
      const name = `${node.options.host}:${node.options.port}`;
      this.newest.get(name)?.disconnect();
      this.newest.set(name, node);
    });
  }

  override disconnect(reconnect = false): void {
    super.disconnect(reconnect);
    if (!reconnect) for (const node of this.newest.values()) node.disconnect();
  }
}
