import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from './session.js';

/** Interval between checks whether the client has read on, ms. */
const CHECK_INTERVAL_MS = 5;

/**
 * Waits until the client has read enough for another answer. A client that never does is closed as a slow reader, which ends
 * the wait.
 */
export async function untilRead(session: Session): Promise<void> {
  while (!session.ended && session.isBehind('hardMarkBytes')) await sleep(CHECK_INTERVAL_MS);
}
