import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from './session.js';

/** Interval at which the unread bytes are checked, ms. */
const CHECK_INTERVAL_MS = 5;

/**
 * Waits until the client has read enough to be sent another answer. A client that does not read is closed as a slow
 * reader, which ends the wait.
 */
export async function waitUntilRead(session: Session): Promise<void> {
  while (!session.ended && session.isBehind('hardMarkBytes')) await sleep(CHECK_INTERVAL_MS);
}
