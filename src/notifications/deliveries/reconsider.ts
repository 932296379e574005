import type { PoolClient } from 'pg';
import { SNOOZED, stillWanted } from '../core/still-wanted.js';
import { candidates, putOff, type Decision } from './candidates.js';
import type { CandidateRow } from '../core/delivery-row.js';
import { askWishes } from './wishes.js';

/** Maximum number of deliveries checked in the transaction of a change; further ones are checked when they are due. */
const MAX_RECONSIDERED = 1_000;

/**
 * Ends waiting deliveries that are no longer wanted, and puts off those of a snoozed rule; returns the ended ones. Skips
 * deliveries that are being claimed, because the claim checks them itself.
 */
export async function reconsider(
  tx: PoolClient,
  { ruleId, userId }: { ruleId?: string; userId: string },
  now: number,
): Promise<readonly { channel: string; state: string }[]> {
  const key = [userId, ruleId ?? null];
  if (ruleId !== undefined) await tx.query(NOT_ASKED, key);
  await tx.query(RELEASE, key);
  const { rows } = await tx.query<CandidateRow>(AFFECTED, [...key, MAX_RECONSIDERED]);
  const wishes = await askWishes(tx, rows, { userRate: 0, hostRate: 0 });
  const decided = rows.flatMap((row): Decision[] => {
    const wanted = stillWanted(wishes.question(row), now);
    if (wanted.action === 'finish') return [{ row, admission: wanted }];
    // A message that waits for finality is asked about the snooze when it is final.
    const isSnoozed = wanted.action === 'defer' && wanted.reason === SNOOZED && !row.awaits;
    return isSnoozed ? [{ row, admission: { ...wanted, extends: true } }] : [];
  });
  const ended = await putOff(tx, decided);
  await tx.query(REQUEUE, [rows.map(({ id }) => id)]);
  return ended;
}

const WAITING = `d.state IN ('pending', 'retrying')`;

/** Condition for the deliveries of a user ($1), or of one of its rules ($2). */
const OF = `d.user_id = $1 AND ($2::uuid IS NULL OR d.rule_ids @> ARRAY[$2::uuid])`;

/** SQL of waiting candidates without the counts for limits, which only a claim applies. */
const AFFECTED = candidates({ webhookRate: 0, mailDaily: 0 }, `${OF} AND ${WAITING}`, '$3');

/** SQL that cancels requests to send again: they were made for an earlier version of the rule. */
const NOT_ASKED = `
  UPDATE deliveries d SET asked = false FROM (SELECT id FROM deliveries d WHERE ${OF} AND asked
    AND state IN ('pending', 'retrying', 'sending') FOR UPDATE SKIP LOCKED) found WHERE d.id = found.id`;

/**
 * SQL that makes deliveries due again. A claim skips rows that are locked here and regards its job as done; without this
 * statement the delivery would wait until jobs are requeued after 30 s.
 */
const REQUEUE = `
  UPDATE deliveries SET due_at = now() WHERE id = ANY($1) AND state IN ('pending', 'retrying') AND next_attempt_at <= now()
    AND reason IS DISTINCT FROM 'target_unverified'`;

/**
 * SQL that makes deliveries due that wait for a time from preferences, quiet hours or a snooze: their claim then
 * computes the time again.
 */
const RELEASE = `
  UPDATE deliveries d SET next_attempt_at = now(), due_at = now() FROM (SELECT id FROM deliveries d
    WHERE ${OF} AND ${WAITING} AND type LIKE 'alert.%' AND next_attempt_at > now()
      AND reason IN ('quiet_hours', 'digest', '${SNOOZED}') FOR UPDATE SKIP LOCKED) held
  WHERE d.id = held.id`;
