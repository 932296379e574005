import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { errorCode } from '../../errors/error-code.js';

/** Whether the process exists and has not ended; a zombie counts as ended. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    return errorCode(error) === 'EPERM';
  }
  return procStat(pid)?.[0] !== 'Z';
}

/**
 * Returns the start time of a process, as the system formats it. Pids are reused; pid and start time together identify a
 * process. Undefined if the process has ended.
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

/** Returns the words of /proc/<pid>/stat after the program's name: the state at index 0, the start time at index 19. */
function procStat(pid: number): string[] | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined;
  }
}
