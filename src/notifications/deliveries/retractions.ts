import type { PoolClient } from 'pg';
import type { Channel } from '../core/channels/catalogue.js';
import type { DeliveryState, Format, MessageType } from '../core/delivery.js';

/** Reason of messages that wait until their on-chain events are final. */
export const AWAITS_FINAL = 'awaits_final';

/** Alert whose on-chain event was undone. */
export interface RetractedAlert {
  readonly alertId: string;
  /** Id of the alert with which it was sent in one message. */
  readonly groupedIn?: string;
  /** On-chain events of the alert that were undone. */
  readonly onchainIds: readonly string[];
}

/** Receiver that has, may have or will have the message about an alert. */
export interface RetractedCopy {
  readonly alertId: string;
  readonly channel: Channel;
  readonly target: string;
  readonly template: string | null;
  readonly format: Format | null;
}

interface CopyRow extends RetractedCopy {
  readonly [column: string]: unknown;
  readonly id: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  readonly type: MessageType;
  /** Whether the message tells of nothing but undone events of this alert. */
  readonly isWhole: boolean;
}

const OPEN: ReadonlySet<DeliveryState> = new Set(['pending', 'sending', 'retrying']);

/**
 * Finds the messages about alerts and ends those that no receiver needs any more: a message that waits for its time, and tells
 * of nothing else, is not sent at all; a later attempt of one that may have arrived is not made.
 */
export async function retractMessages(
  tx: PoolClient,
  alerts: readonly RetractedAlert[],
): Promise<{ copies: RetractedCopy[]; ended: Channel[] }> {
  if (alerts.length === 0) return { copies: [], ended: [] };
  const { rows } = await tx.query<CopyRow>(COPIES, [
    JSON.stringify(alerts.map(({ alertId, groupedIn = null, onchainIds }) => ({ alertId, groupedIn, onchainIds }))),
    alerts.flatMap(({ onchainIds }) => onchainIds),
  ]);
  const ended = rows.filter(({ state, isWhole }) => isWhole && (state === 'pending' || state === 'retrying'));
  if (ended.length > 0) await tx.query(END, [ended.map(({ id }) => id)]);
  const unsent = new Set(ended.filter(({ attempts }) => attempts === 0).map(({ id }) => id));
  const copies = rows.filter(
    ({ id, state, attempts }) => !unsent.has(id) && (OPEN.has(state) || state === 'delivered' || attempts > 0),
  );
  return { copies, ended: ended.map(({ channel }) => channel) };
}

/** Removes events for which messages wait; returns the ids of the messages that are now due. */
export async function settleAwaited(tx: PoolClient, onchainIds: readonly string[]): Promise<string[]> {
  if (onchainIds.length === 0) return [];
  const { rows } = await tx.query<{ id: string }>(SETTLE, [onchainIds]);
  return rows.map(({ id }) => id);
}

const COPIES = `
  SELECT d.id, a."alertId", d.channel, d.target, d.template, d.format, d.state, d.attempts, d.type,
    split_part(d.transition_id, ':', 1) = a."alertId" AND d.onchain_ids <@ a."onchainIds" AS "isWhole"
  FROM deliveries d
    JOIN jsonb_to_recordset($1::jsonb) AS a ("alertId" text, "groupedIn" text, "onchainIds" text[])
      ON split_part(d.transition_id, ':', 1) IN (a."alertId", a."groupedIn")
  WHERE d.onchain_ids && $2::text[] AND d.type <> 'alert.retracted'
  ORDER BY d.id FOR UPDATE OF d`;

const END = `
  UPDATE deliveries SET state = 'suppressed', reason = 'retracted', awaited = NULL, finished_at = now() WHERE id = ANY($1)`;

/** SQL that releases messages; the time of sending is computed when they are claimed. */
const SETTLE = `
  WITH found AS (
    SELECT id, ARRAY(SELECT unnest(awaited) EXCEPT SELECT unnest($1::text[])) AS rest FROM deliveries
    WHERE awaited && $1::text[] ORDER BY id FOR UPDATE
  ), settled AS (
    UPDATE deliveries d SET awaited = nullif(f.rest, '{}'),
      reason = CASE WHEN f.rest = '{}' AND d.reason = '${AWAITS_FINAL}' THEN NULL ELSE d.reason END,
      next_attempt_at = CASE WHEN f.rest = '{}' AND d.reason = '${AWAITS_FINAL}' THEN now() ELSE d.next_attempt_at END,
      due_at = CASE WHEN f.rest = '{}' AND d.reason = '${AWAITS_FINAL}' THEN now() ELSE d.due_at END,
      expires_at = greatest(d.expires_at, now() + interval '1 day')
    FROM found f WHERE d.id = f.id RETURNING d.id, d.awaited, d.reason
  )
  SELECT id FROM settled WHERE awaited IS NULL AND reason IS NULL`;
