import type { PoolClient } from 'pg';
import type { Admission, Candidate } from '../core/admission.js';
import type { MessageType } from '../core/delivery.js';
import { GATEWAY_TIMEOUT, NO_ANSWER } from '../core/outcome.js';
import type { CandidateRow } from './delivery-row.js';

/** Waiting delivery and the decision about it. */
export interface Decision {
  row: CandidateRow;
  admission: Admission;
}

export function leavesInDigest(admission: Admission): boolean {
  return admission.action === 'send' && admission.digest;
}

export function targetOf(row: CandidateRow): Candidate['target'] {
  if (row.status === null) return undefined;
  return { status: row.status, reason: row.status_reason, openUntil: row.breaker_open_until?.getTime() ?? null };
}

/** Stores the decisions on deliveries that are not sent now; returns the finished ones. */
export async function putOff(
  tx: PoolClient,
  decisions: readonly Decision[],
): Promise<readonly { channel: string; state: string }[]> {
  const changes = decisions.flatMap(({ row, admission }) => change(row, admission) ?? []);
  if (changes.length > 0) await tx.query(PUT_OFF, [JSON.stringify(changes)]);
  return changes.filter(({ finished }) => finished);
}

interface RowChange {
  id: string;
  channel: string;
  state: string;
  reason: string;
  until: Date | null;
  expires: Date | null;
  digest: boolean;
  finished: boolean;
}

function change(row: CandidateRow, admission: Admission): RowChange | undefined {
  const { id, channel } = row;
  if (admission.action === 'finish') {
    const { state, reason } = admission;
    return { id, channel, state, reason, until: null, expires: null, digest: row.digest, finished: true };
  }
  if (admission.action !== 'defer') return undefined;
  const { reason, extends: held = false } = admission;
  const end = row.expires_at.getTime();
  // Limited to its life: the last check finds it expired.
  const until = new Date(held ? admission.until : Math.min(admission.until, end));
  const expires = held && admission.until >= end ? new Date(admission.until + end - row.created_at.getTime()) : null;
  const digest = row.digest || admission.digest === true;
  return { id, channel, state: row.state, reason, until, expires, digest, finished: false };
}

/** SQL for: a delivery (f) may have arrived although no attempt of it says so, since a receiver may have been slow to answer. */
const PERHAPS_ARRIVED = `f.attempts > 0 AND f.state <> 'delivered' AND EXISTS (SELECT FROM delivery_attempts a
  WHERE a.delivery_id = f.id AND (a.outcome = 'interrupted' OR a.outcome = 'failed'
    AND (a.status_code = ${GATEWAY_TIMEOUT} OR starts_with(a.detail, '${NO_ANSWER}'))))`;

/** Position of the last resolution before a resolution (d) that arrived. */
const ENDED_BEFORE = `coalesce((SELECT max(r.position) FROM deliveries r
  WHERE r.target_id = d.target_id AND r.collapse_key = d.collapse_key AND r.position < d.position
    AND r.type = 'alert.resolved' AND r.state = 'delivered'), 0)`;

/**
 * State of the newest storm or summary that names the subject of a resolution (d) as firing: a firing that was superseded after
 * it was only the repetition of what that message says.
 */
const NAMED = `(SELECT CASE WHEN s.state = 'delivered' THEN 'delivered' WHEN s.state IN ('pending', 'sending', 'retrying') THEN 'open' END
  FROM deliveries s, jsonb_strip_nulls(jsonb_build_object('protocol', d.data -> 'protocol', 'chain', d.data -> 'chain',
    'token', d.data -> 'token')) AS subject
  WHERE s.target_id = d.target_id AND s.type = 'alert.summary' AND s.position < d.position AND s.position > ${ENDED_BEFORE}
    AND (s.data #> '{explanation,alerts}' @> jsonb_build_array(subject || jsonb_build_object('ruleId', d.data -> 'ruleId'))
      OR s.data ->> 'ruleId' = d.data ->> 'ruleId' AND s.data #> '{explanation,subjects}' @> jsonb_build_array(subject))
    AND s.data #>> '{explanation,state}' IS DISTINCT FROM 'resolved'
  ORDER BY s.position DESC LIMIT 1)`;

/** State of the firings of a resolution (d) since the last resolution that arrived. */
const FIRING = `
  SELECT CASE WHEN bool_or(f.state = 'delivered') THEN 'delivered'
      WHEN bool_or(f.state IN ('pending', 'sending', 'retrying')) THEN 'open'
      WHEN bool_or(${PERHAPS_ARRIVED}) THEN 'delivered'
      WHEN count(*) > 0 THEN coalesce(${NAMED}, 'lost') ELSE 'none' END
  FROM deliveries f WHERE f.target_id = d.target_id AND f.collapse_key = d.collapse_key AND f.position < d.position
    AND f.type = 'alert.fired' AND f.position > ${ENDED_BEFORE}`;

/** Returns the SQL for: a resolution before a firing, or a test before its end, is not finished yet. */
const onItsWay = (type: MessageType): string => `
  SELECT CASE WHEN count(*) > 0 THEN 'open' ELSE 'none' END
  FROM deliveries f WHERE f.target_id = d.target_id AND f.collapse_key = d.collapse_key AND f.position < d.position
    AND f.type = '${type}' AND f.state IN ('pending', 'sending', 'retrying')`;

/** SQL of deliveries (d) as candidates; a WHERE follows. */
export const CANDIDATE = `
  SELECT d.id, d.position, d.user_id, d.target_id, d.channel, d.target, d.type, d.data, d.template, d.format, d.priority,
    d.digest, d.collapse_key, d.standalone, d.state, d.attempts, d.tries, d.created_at, d.expires_at, d.asked,
    d.rule_ids, t.host, t.status, t.status_reason, t.verified_at, t.sealed, t.breaker_open_until,
    CASE WHEN d.channel = 'webhook' THEN ARRAY(SELECT s.sealed FROM webhook_secrets s WHERE s.target_id = t.id
      AND (s.retires_at IS NULL OR s.retires_at > now()) ORDER BY s.id DESC LIMIT 3) ELSE '{}' END AS secrets,
    CASE d.channel
      WHEN 'email' THEN (SELECT count(*) FROM deliveries r
        WHERE r.target_id = t.id AND r.started_at > now() - interval '1 day' AND NOT r.digest)
      ELSE (SELECT count(*) FROM deliveries r WHERE r.target_id = t.id AND r.started_at > now() - interval '1 minute')
      END AS recent,
    CASE d.type WHEN 'alert.resolved' THEN (${FIRING}) WHEN 'alert.fired' THEN (${onItsWay('alert.resolved')})
      WHEN 'test' THEN (${onItsWay('test')}) ELSE 'none' END AS before,
    CASE WHEN d.type IN ('alert.fired', 'alert.resolved', 'test') THEN (SELECT max(f.next_attempt_at) FROM deliveries f
      WHERE f.target_id = d.target_id AND f.collapse_key = d.collapse_key AND f.position < d.position
        AND CASE WHEN d.type = 'test' THEN f.type = 'test'
          ELSE f.type IN ('alert.fired', 'alert.resolved') AND f.type <> d.type END AND f.state IN ('pending', 'retrying'))
      END AS before_next
  FROM deliveries d LEFT JOIN notification_targets t ON t.id = d.target_id`;

const PUT_OFF = `
  UPDATE deliveries d SET state = c.state, reason = c.reason, digest = c.digest,
    next_attempt_at = coalesce(c.until, d.next_attempt_at), due_at = coalesce(c.until, d.due_at),
    expires_at = coalesce(c.expires, d.expires_at),
    finished_at = CASE WHEN c.finished THEN now() END
  FROM jsonb_to_recordset($1::jsonb) AS c(id uuid, state text, reason text, until timestamptz,
    expires timestamptz, digest boolean, finished boolean)
  WHERE d.id = c.id`;
