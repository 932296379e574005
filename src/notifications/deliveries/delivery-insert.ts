import { isUuid } from '../../platform/input/ids.js';
import { CHANNELS } from '../core/channels/catalogue.js';
import type { NewDelivery, SystemType } from '../core/delivery.js';
import { newId, sha256 } from '../core/ids.js';
import { AWAITS_FINAL } from './retractions.js';

/** Message of the service itself, without an alert. */
export type SystemDelivery = Omit<NewDelivery, 'type' | 'data'> & { type: SystemType; data: object };

/** Time after which the sweeper enqueues a recorded message without a job, ms. */
const ANNOUNCEMENT_TIMEOUT_MS = 15_000;
/** Period in which all messages of one rule to one target that the budget refuses share one row, ms. */
const REFUSAL_WINDOW_MS = 60_000;

export interface InsertedRow {
  id: string;
  channel: string;
  state: string;
  type: string;
  target_id: string | null;
  collapse_key: string;
  position: number;
  user_id: string;
  reason: string | null;
  bytes: number;
}

export type NewRow = ReturnType<typeof newRow>;

/** Returns the row for INSERT, by column names; bytea as text. */
export function newRow(delivery: NewDelivery | SystemDelivery, now: number) {
  const starts = Math.max(now, delivery.notBefore?.getTime() ?? 0);
  // The lifetime starts when the message may be sent, so that a message held back by quiet hours does not expire
  // meanwhile.
  const expires = starts >= delivery.expiresAt.getTime() ? starts + (delivery.expiresAt.getTime() - now) : undefined;
  const { userId, transitionId, target, channel, template = null, format = null, type } = delivery;
  const key = CHANNELS[channel].key(target);
  const parts = [transitionId, userId, channel, key, type, template, format];
  const identity = JSON.stringify(delivery.awaited === undefined ? parts : [...parts, 'final']);
  const rules = delivery.ruleIds ?? ('ruleId' in delivery.data ? [delivery.data.ruleId] : []);
  const known = rules.filter(isUuid);
  const refusedIn = JSON.stringify([userId, channel, key, type, rules[0], Math.floor(now / REFUSAL_WINDOW_MS)]);
  return {
    id: newId(now),
    idempotency_key: transitionId === undefined ? null : bytea(identity),
    refused_key: bytea(refusedIn),
    target_key: bytea(key),
    user_id: userId,
    channel,
    target,
    type,
    data: delivery.data,
    template,
    format,
    priority: delivery.priority,
    digest: delivery.digest ?? false,
    collapse_key: delivery.collapseKey,
    standalone: delivery.standalone ?? false,
    transition_id: transitionId ?? null,
    suppressed: delivery.suppressed ?? null,
    onchain_ids: delivery.onchainIds ?? null,
    awaited: delivery.awaited ?? null,
    held_by: delivery.awaited
      ? AWAITS_FINAL
      : type.startsWith('alert.') && starts > now
        ? delivery.digest
          ? 'digest'
          : 'quiet_hours'
        : null,
    rule_ids: known.length === 0 ? null : known,
    // Absent: at once, by the clock of the database, which finds what is due. The clock of this process may be wrong.
    next_attempt_at: delivery.awaited ? delivery.expiresAt : delivery.notBefore === undefined ? null : new Date(starts),
    expires_at: new Date(expires ?? delivery.expiresAt.getTime()),
  };
}

export function keysOf({ idempotency_key: own, refused_key: refused }: NewRow): string[] {
  return own === null ? [refused] : [own, refused];
}

function bytea(text: string): string {
  return `\\x${sha256(text).toString('hex')}`;
}

/**
 * SQL that inserts rows. Their state is derived from the message, its target and its user's budget, as they are in this
 * transaction. Messages that the budget refuses are stored without their text, one row per minute, rule and target.
 */
export const INSERT = `
  WITH given AS MATERIALIZED (
    SELECT n.*, t.id AS target_id, t.status, t.status_reason, s.bytes >= $2::bigint AS is_full,
      n.type LIKE 'alert.%' OR n.type = 'test' AS is_sent_by_rules,
      row_number() OVER (PARTITION BY t.id ORDER BY n.ordinality) AS place
    FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (id uuid, user_id text, channel text, target text,
      target_key text, type text, data jsonb, template text, format text, priority text, digest boolean,
      collapse_key text, standalone boolean, transition_id text, idempotency_key text, refused_key text,
      suppressed text, held_by text, rule_ids jsonb, onchain_ids jsonb, awaited jsonb, next_attempt_at timestamptz,
      expires_at timestamptz)) WITH ORDINALITY AS n
    LEFT JOIN notification_targets t
      ON t.user_id = n.user_id AND t.channel = n.channel AND t.target_key = n.target_key::bytea
    LEFT JOIN user_storage s ON s.user_id = n.user_id
  ), waiting AS MATERIALIZED (
    SELECT p.target_id, (SELECT count(*) FROM (SELECT FROM deliveries d WHERE d.target_id = p.target_id
      AND d.state IN ('pending', 'sending', 'retrying') LIMIT $3) open) AS messages
    FROM (SELECT DISTINCT target_id FROM given WHERE status = 'pending' AND is_sent_by_rules) p
  )
  INSERT INTO deliveries (id, user_id, target_id, channel, target, type, data, template, format, priority, digest,
    collapse_key, standalone, transition_id, idempotency_key, rule_ids, onchain_ids, awaited, subject_keys, is_end, state,
    reason, next_attempt_at, due_at, expires_at, finished_at)
  SELECT n.id, n.user_id, n.target_id, n.channel, n.target, n.type,
    CASE WHEN f.reason = 'budget'
      THEN jsonb_strip_nulls(jsonb_build_object('alertId', n.data -> 'alertId', 'ruleId', n.data -> 'ruleId'))
      ELSE n.data END,
    n.template, n.format, n.priority, n.digest, n.collapse_key, n.standalone, n.transition_id,
    CASE WHEN f.reason = 'budget' THEN n.refused_key ELSE n.idempotency_key END::bytea,
    CASE WHEN n.rule_ids IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(n.rule_ids)::uuid) END,
    CASE WHEN jsonb_typeof(n.onchain_ids) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(n.onchain_ids)) END,
    CASE WHEN jsonb_typeof(n.awaited) = 'array' THEN ARRAY(SELECT jsonb_array_elements_text(n.awaited)) END,
    delivery_subject_keys(n.type, n.data), delivery_is_end(n.type, n.data),
    CASE WHEN f.reason IS NULL THEN 'pending' ELSE 'suppressed' END,
    coalesce(f.reason, CASE WHEN held THEN 'target_unverified' END, n.held_by),
    coalesce(n.next_attempt_at, now()),
    CASE WHEN held THEN n.expires_at ELSE coalesce(n.next_attempt_at, now() + interval '${ANNOUNCEMENT_TIMEOUT_MS} ms') END,
    n.expires_at, CASE WHEN f.reason IS NOT NULL THEN now() END
  FROM given n LEFT JOIN waiting w ON w.target_id = n.target_id
  CROSS JOIN LATERAL (SELECT coalesce(n.suppressed, CASE WHEN n.target_id IS NULL THEN 'unknown_target'
    WHEN n.status <> 'disabled' OR n.type = 'endpoint.disabled' THEN NULL
    WHEN n.status_reason = 'bounced' THEN 'bounced' ELSE 'target_disabled' END) AS reason) u
  CROSS JOIN LATERAL (SELECT CASE WHEN n.is_sent_by_rules AND n.is_full THEN 'budget' WHEN u.reason IS NOT NULL THEN u.reason
    WHEN n.is_sent_by_rules AND n.status = 'pending' AND w.messages + n.place > $3 THEN 'budget' END AS reason) f
  CROSS JOIN LATERAL (SELECT n.status = 'pending' AND n.type NOT IN ('endpoint.verify', 'target.confirm') AS held) h
  ORDER BY n.ordinality
  ON CONFLICT (idempotency_key) DO NOTHING
  RETURNING id, channel, state, type, target_id, collapse_key, position, user_id, reason, delivery_bytes(type, data) AS bytes`;
