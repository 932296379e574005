import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Whether the process exists and has not ended: a zombie has. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
  return procStat(pid)?.[0] !== 'Z';
}

/**
 * Returns the start time of a process, in the system's unit; with the pid it identifies one process for good, because pids are
 * reused. Undefined when it has ended.
 */
export function startMark(pid: number): string | undefined {
  const stat = procStat(pid);
  if (stat) return stat[0] === 'Z' ? undefined : stat[19];
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8', stdio: 'pipe' }).trim();
  } catch {
    return undefined;
  }
}

/** Returns the words of /proc/<pid>/stat that follow the program's name: state first, start time at 19. */
function procStat(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
