import { writeFileSync } from 'node:fs';
import { constants, setPriority } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

/** Clearly behind whoever else wants a core, and far from starving. */
const NICENESS = constants.priority.PRIORITY_BELOW_NORMAL;
/** Linux takes one change of a session's weight per 100 ms from who is not root. */
const RETRY_MS = [0, 150, 300, 600];

/**
 * Lets a server process on this machine give way to all others: a long query costs nobody a core who wants one for a
 * moment. A backend of PostgreSQL is a session of its own, and Linux shares cores among sessions first where it groups
 * them (`sched_autogroup`), so that the session steps back too. Best effort: where it is not allowed all stay equal.
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
