import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** Priority clearly below other processes, but far from starvation. */
const NICENESS = constants.priority.PRIORITY_BELOW_NORMAL;
/** Delays of attempts, ms: Linux accepts one change of a session's weight per 100 ms from users other than root. */
const RETRY_MS = [0, 150, 300, 600];

/**
 * Lowers the priority of a server process on this machine: a long query takes no core from processes that need one briefly. A
 * backend of PostgreSQL is a session of its own, and Linux shares cores among sessions first where it groups them
 * (`sched_autogroup`), so the session's weight is lowered too. Best effort: without permission all stay equal.
 */
export async function giveWay(pid: number): Promise<void> {
  try {
    setPriority(pid, NICENESS);
  } catch {
    return;
  }
  if (process.platform !== 'linux') return;
  for (const wait of RETRY_MS) {
    await sleep(wait, undefined, { ref: false });
    try {
      writeFileSync(`/proc/${pid}/autogroup`, String(NICENESS));
      return;
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'EAGAIN')) return;
    }
  }
}
