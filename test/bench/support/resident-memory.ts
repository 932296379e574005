import { readFileSync } from 'node:fs';

/** What a process holds of the machine's memory, kilobytes (1,024 bytes). */
export function residentKb(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** The same once it no longer falls: garbage of what went before is collected when the process has a quiet moment. */
export async function settledKb(pid: number, seconds: number): Promise<number> {
  let lowest = residentKb(pid);
  for (let second = 0; second < seconds; second += 1) {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    lowest = Math.min(lowest, residentKb(pid));
  }
  return lowest;
}
