import { setTimeout as sleep } from 'node:timers/promises';
import type { Session } from './session.js';

/** How often it is looked whether the client has read on, ms. */
const LOOK_MS = 5;

/**
 * Waits until the client has read so much that another answer may be added to what it was sent. One that never does is
 * closed as a slow reader, which ends the wait.
 */
export async function untilRead(session: Session): Promise<void> {
  while (!session.ended && session.isBehind('hardMarkBytes')) await sleep(LOOK_MS);
}
