import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorCode } from '../../platform/errors/error-code.js';

/** Priority that is clearly below that of other processes, but still gets CPU time. */
const NICENESS = constants.priority.PRIORITY_BELOW_NORMAL;
/** Delays between attempts, ms: Linux accepts one change of a session's priority per 100 ms from users other than root. */
const RETRY_DELAYS_MS = [0, 150, 300, 600];

/**
 * Lowers the priority of a PostgreSQL backend on this machine, so that a long query does not occupy a core that other
 * processes need briefly. Each backend is an OS session of its own, and Linux may distribute CPU time by session first
 * (`sched_autogroup`), so the priority of the session is lowered, too. Without permission nothing changes.
 */
export async function giveWay(pid: number): Promise<void> {
  try {
    setPriority(pid, NICENESS);
  } catch {
    return;
  }
  if (process.platform !== 'linux') return;
  for (const wait of RETRY_DELAYS_MS) {
    await sleep(wait, undefined, { ref: false });
    try {
      writeFileSync(`/proc/${pid}/autogroup`, String(NICENESS));
      return;
    } catch (error) {
      if (errorCode(error) !== 'EAGAIN') return;
    }
  }
}
