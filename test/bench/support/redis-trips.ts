import { Redis } from 'ioredis';

/**
 * Commands that a Redis server received while it was watched. Commands that a script runs inside the server are not round
 * trips.
 */
export interface RedisTrips {
  /** Number of published batches of the log. */
  readonly batches: number;
  /** Number of scripts and publications, the two kinds of commands of which batches consist. */
  readonly scriptsAndPublications: number;
  /** Number of all commands, including heartbeats, comparisons and leases of all processes. */
  readonly commands: number;
}

const KINDS = new Set(['eval', 'evalsha', 'publish']);
const BATCHES = 'log';

/** Counts in the server with MONITOR, which slows the server down: not to be used during other measurements. */
export async function watchTrips(url: string, seconds: number): Promise<RedisTrips> {
  const client = new Redis(url);
  const monitor = await client.monitor();
  let [batches, scriptsAndPublications, commands] = [0, 0, 0];
  monitor.on('monitor', (_at: string, [name = '', first]: string[], source: string) => {
    const command = name.toLowerCase();
    if (command === 'publish' && first === BATCHES) batches += 1;
    if (source === 'lua') return;
    commands += 1;
    if (KINDS.has(command)) scriptsAndPublications += 1;
  });
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  monitor.disconnect();
  client.disconnect();
  return { batches, scriptsAndPublications, commands };
}
