import { readFileSync } from 'node:fs';

/** Returns the resident memory of a process, kilobytes (1,024 bytes). */
export function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** Returns the resident memory when it no longer falls: garbage of earlier work is collected when the process is idle. */
export async function settledKb(pid: number, seconds: number): Promise<number> {
  let lowest = residentKb(pid);
  for (let second = 0; second < seconds; second += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    lowest = Math.min(lowest, residentKb(pid));
  }
  return lowest;
}
