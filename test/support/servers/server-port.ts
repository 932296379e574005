import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Range of server ports. It is below 32,768, from where Linux assigns ports to connections: such a connection could take
 * the port of a server that is not started or that a test has stopped. Nodes of a Redis Cluster also use the port 10,000
 * above their own (Redis' documentation of `cluster-port`); no server gets such a port.
 */
const [FIRST, END, BUS] = [12_000, 22_000, 10_000];
const ATTEMPTS = 1_000;

const given = new Set<number>();

/**
 * Returns a free port of 127.0.0.1 for a test server, never the same twice in a process; the port 10,000 above it is
 * free, too.
 */
export async function serverPort(): Promise<number> {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const port = randomInt(FIRST, END);
    if (given.has(port)) continue;
    given.add(port);
    if ((await isFree(port)) && (await isFree(port + BUS))) return port;
  }
  throw new Error(`No port between ${FIRST} and ${END} is free.`);
}

async function isFree(port: number): Promise<boolean> {
  const probe = createServer();
  try {
    probe.listen(port, '127.0.0.1');
    await once(probe, 'listening');
  } catch {
    return false;
  }
  probe.close();
  await once(probe, 'close');
  return true;
}
