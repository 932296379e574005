import { Redis } from 'ioredis';

/** What a Redis server was asked while it was watched. Commands that a script runs inside the server are no round trips. */
export interface RedisTrips {
  /** Batches of the log that were published. */
  readonly batches: number;
  /** Scripts and publications, the two kinds of commands that batches are made of. */
  readonly scriptsAndPublications: number;
  /** Everything: also signs of life, comparisons and leases of all processes. */
  readonly commands: number;
}

const KINDS = new Set(['eval', 'evalsha', 'publish']);
const BATCHES = 'log';

/** Counts in the server itself, with MONITOR, which costs it time: not beside other measurements. */
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
