import { setTimeout as sleep } from 'node:timers/promises';
import type { Database } from '../../platform/database/database.js';

/** Maximum time that an edit waits for earlier claims, ms. It exceeds HAND_OVER_TIMEOUT_MS, so that they have ended. */
const SETTLED_TIMEOUT_MS = 2_000;
const CHECK_INTERVAL_MS = 10;

/**
 * Resolves, after the commit of an edit of a rule, when no delivery that was claimed before the commit can be handed over
 * any more. For deliveries that are being sent it waits at most as long as they may be handed over.
 */
export async function untilHandedOver(database: Database, ruleId: string): Promise<void> {
  const end = performance.now() + SETTLED_TIMEOUT_MS;
  let open = await database.query<{ id: string }>(SENDING, [ruleId]);
  const ids = open.map(({ id }) => id);
  while (open.length > 0 && performance.now() < end) {
    await sleep(CHECK_INTERVAL_MS);
    open = await database.query<{ id: string }>(STILL_SENDING, [ids]);
  }
}

const SENDING = `SELECT id FROM deliveries WHERE rule_ids @> ARRAY[$1::uuid] AND state = 'sending'`;

const STILL_SENDING = `SELECT id FROM deliveries WHERE id = ANY($1) AND state = 'sending'`;
