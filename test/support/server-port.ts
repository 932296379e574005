import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below 32,768, where Linux begins to give ports to connections: one of those would sooner or later take the port of a
 * server that is not up yet, or that a test has stopped. Nodes of a Redis Cluster talk to each other 10,000 above their
 * port (Redis' documentation of `cluster-port`); no server gets one of those either.
 */
const [FIRST, END, BUS] = [12_000, 22_000, 10_000];
const ATTEMPTS = 1_000;

const given = new Set<number>();

/** A port of 127.0.0.1 for a server of a test, never the same twice in a process; so is the one 10,000 above it. */
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
