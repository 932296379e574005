import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../platform/database/database.js';

/** A claimed delivery is handed to its receiver within this time, or claimed anew; ms. */
export const HAND_OVER_MS = 1_500;
/** An edit waits no longer than this for what was claimed before it; ms. Longer, so that a connection can be made. */
const SETTLED_MS = 2_000;
const LOOKS_AGAIN_MS = 10;

/** Its claim is too old: what its rules want is to be asked again. */
export class HandOverLate extends Error {}

/**
 * After the commit of an edit of a rule: resolves when nothing is handed over any more that was claimed before it. What is being
 * sent is not waited for longer than it may be handed over.
 */
export async function untilHandedOver(database: Database, ruleId: string): Promise<void> {
  const end = performance.now() + SETTLED_MS;
  let open = await database.query<{ id: string }>(SENDING, [ruleId]);
  const ids = open.map(({ id }) => id);
  while (open.length > 0 && performance.now() < end) {
    await sleep(LOOKS_AGAIN_MS);
    open = await database.query<{ id: string }>(STILL_SENDING, [ids]);
  }
}

const SENDING = `SELECT id FROM deliveries WHERE rule_ids @> ARRAY[$1::uuid] AND state = 'sending'`;

const STILL_SENDING = `SELECT id FROM deliveries WHERE id = ANY($1) AND state = 'sending'`;
