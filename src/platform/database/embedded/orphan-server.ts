import { readFileSync, readlinkSync, realpathSync, rmSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { postmasterFile, readPostmaster } from './postmaster-file.js';
import { isAlive } from './process-identity.js';

/** Signals in the order in which they are sent, each with the wait before the next signal, ms. */
const SIGNALS = [
  ['SIGINT', 20_000],
  ['SIGQUIT', 5_000],
  ['SIGKILL', 5_000],
] as const;

/**
 * Stops a server of this data directory that outlived the process that started it, and removes its pid file or that of a
 * killed server. Returns whether a server was running. The caller must own the directory.
 */
export async function stopOrphan(directory: string): Promise<boolean> {
  const postmaster = readPostmaster(directory);
  if (!postmaster || !serves(postmaster.pid, directory)) {
    rmSync(postmasterFile(directory), { force: true });
    return false;
  }
  for (const [signal, patience] of SIGNALS) {
    if (await endsAfter(postmaster.pid, signal, patience)) break;
  }
  return true;
}

async function endsAfter(pid: number, signal: NodeJS.Signals, patience: number): Promise<boolean> {
  const deadline = Date.now() + patience;
  try {
    process.kill(pid, signal);
  } catch {
    return true;
  }
  while (isAlive(pid) && Date.now() < deadline) await sleep(10);
  return !isAlive(pid);
}

/** Whether the process is a server of this directory; if not, another process has got the same pid. */
function serves(pid: number, directory: string): boolean {
  try {
    if (readlinkSync(`/proc/${pid}/cwd`) === realpathSync(directory)) return true;
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').includes(directory);
  } catch {
    // Without /proc (outside Linux) the pid file is trusted.
    return process.platform !== 'linux';
  }
}
