import type { PoolClient } from 'pg';
import type { DeliveryAdmission, Candidate, DeliveryLimits } from '../core/delivery-admission.js';
import { CHANNEL_NAMES, CHANNELS, channelsWhere } from '../core/channels/catalogue.js';
import type { CandidateRow } from '../core/delivery-row.js';
import { FIRING, UNFINISHED, WAKE, withLines } from './order.js';

/** Maximum numbers of messages to one target; 0: no limit. */
type TargetLimits = Pick<DeliveryLimits, 'webhookRate' | 'mailDaily'>;

/** Waiting delivery and the decision about it. */
export interface Decision {
  row: CandidateRow;
  admission: DeliveryAdmission;
}

export function leavesInDigest(admission: DeliveryAdmission): boolean {
  return admission.action === 'send' && admission.digest;
}

export function targetOf(row: CandidateRow): Candidate['target'] {
  if (row.status === null) return undefined;
  return { status: row.status, reason: row.status_reason, openUntil: row.breaker_open_until?.getTime() ?? null };
}

/** Stores the decisions on deliveries that are not sent now; returns those that are finished. */
export async function putOff(
  tx: PoolClient,
  decisions: readonly Decision[],
): Promise<readonly { channel: string; state: string }[]> {
  const changes = decisions.flatMap(({ row, admission }) => change(row, admission) ?? []);
  if (changes.length > 0) await tx.query(PUT_OFF, [JSON.stringify(changes)]);
  const ended = changes.filter(({ finished }) => finished);
  if (ended.length > 0) await tx.query(WAKE, [ended.map(({ id }) => id)]);
  return ended;
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

function change(row: CandidateRow, admission: DeliveryAdmission): RowChange | undefined {
  const { id, channel } = row;
  if (admission.action === 'finish') {
    const { state, reason } = admission;
    return { id, channel, state, reason, until: null, expires: null, digest: row.digest, finished: true };
  }
  if (admission.action !== 'defer') return undefined;
  const { reason, extends: held = false } = admission;
  const end = row.expires_at.getTime();
  // At most until its expiry, so that the last check finds it expired.
  const until = new Date(held ? admission.until : Math.min(admission.until, end));
  const expires = held && admission.until >= end ? new Date(admission.until + end - row.created_at.getTime()) : null;
  const digest = row.digest || admission.digest === true;
  return { id, channel, state: row.state, reason, until, expires, digest, finished: false };
}

const SIGNED = channelsWhere(({ isSigned }) => isSigned)
  .map((channel) => `'${channel}'`)
  .join();

/**
 * Returns the SQL that counts the attempts to a target within the period of its channel's limit, up to the limit: the counts of
 * a target without a limit would take longer with every message to it. For a channel that collects messages above the limit,
 * collected ones do not count.
 */
const recent = (limits: TargetLimits): string =>
  CHANNEL_NAMES.map((channel) => {
    const { per, sendsTogether, setting } = CHANNELS[channel].limits;
    return `WHEN '${channel}' THEN (SELECT count(*) FROM (SELECT FROM deliveries r WHERE r.target_id = t.id
        AND r.started_at > now() - interval '1 ${per}'${sendsTogether ? ' AND NOT r.digest' : ''} LIMIT ${limits[setting]}) r)`;
  }).join('\n      ');

/**
 * Returns the SQL that selects and locks the deliveries (d) of a condition as candidates, by position; those that another
 * transaction has locked are left out. `most`: their maximum number, as SQL.
 */
export const candidates = (limits: TargetLimits, which: string, most = 'ALL'): string => `
  ${withLines(`${which} ORDER BY d.position LIMIT ${most}`)}
  SELECT d.id, d.position, d.user_id, d.target_id, d.channel, d.target, d.type, d.data, d.template, d.format, d.priority,
    d.digest, d.collapse_key, d.standalone, d.state, d.attempts, d.tries, d.created_at, d.expires_at, d.asked,
    d.rule_ids, d.awaited IS NOT NULL AS awaits, t.host, t.status, t.status_reason, t.verified_at, t.sealed, t.breaker_open_until,
    CASE WHEN d.channel IN (${SIGNED}) THEN ARRAY(SELECT s.sealed FROM webhook_secrets s WHERE s.target_id = t.id
      AND (s.retires_at IS NULL OR s.retires_at > now()) ORDER BY s.id DESC LIMIT 3) ELSE '{}' END AS secrets,
    CASE d.channel
      ${recent(limits)}
      END AS recent,
    CASE WHEN before.is_open THEN 'open' WHEN d.type = 'alert.resolved' THEN (${FIRING}) ELSE 'none' END AS before,
    before.next AS before_next, asked.is_end
  FROM asked JOIN deliveries d ON d.id = asked.id LEFT JOIN notification_targets t ON t.id = d.target_id
  LEFT JOIN summarised line ON line.id = d.id CROSS JOIN LATERAL (${UNFINISHED}) before
  WHERE ${which} ORDER BY d.position FOR UPDATE OF d SKIP LOCKED`;

const PUT_OFF = `
  UPDATE deliveries d SET state = c.state, reason = c.reason, digest = c.digest,
    next_attempt_at = coalesce(c.until, d.next_attempt_at), due_at = coalesce(c.until, d.due_at),
    expires_at = coalesce(c.expires, d.expires_at),
    finished_at = CASE WHEN c.finished THEN now() END
  FROM jsonb_to_recordset($1::jsonb) AS c(id uuid, state text, reason text, until timestamptz,
    expires timestamptz, digest boolean, finished boolean)
  WHERE d.id = c.id`;
