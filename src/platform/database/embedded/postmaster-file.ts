import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isAlive } from './process-identity.js';

/** State of a server, as the pid file in its data directory records it. */
interface Postmaster {
  readonly pid: number;
  readonly port: number;
  /** Whether the server accepts connections. */
  readonly ready: boolean;
}

const LINE = { pid: 0, port: 3, status: 7 } as const;

export function postmasterFile(directory: string): string {
  return join(directory, 'postmaster.pid');
}

/** Returns the running server of a data directory; undefined if none runs, even if a pid file is left. */
export function readPostmaster(directory: string): Postmaster | undefined {
  let lines: string[];
  try {
    lines = readFileSync(postmasterFile(directory), 'utf8').split('\n');
  } catch {
    return undefined;
  }
  const pid = Number(lines[LINE.pid]);
  if (!Number.isInteger(pid) || pid <= 1 || !isAlive(pid)) return undefined;
  return { pid, port: Number(lines[LINE.port]), ready: lines[LINE.status]?.trim() === 'ready' };
}
