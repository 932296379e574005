import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { NewDelivery, SystemType } from '../core/delivery.js';
import { newId, sha256, UUID } from '../core/ids.js';
import { targetKey } from '../core/target-forms.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { DeliveryMetrics } from './delivery-metrics.js';
import { Lanes, type Job } from './lanes.js';
import { reconsider } from './reconsider.js';

/** Messages of the product itself have no alert to tell of. */
export type SystemDelivery = Omit<NewDelivery, 'type' | 'data'> & { type: SystemType; data: object };

/** A recorded message that nobody has put into a queue by then belongs to the sweeper. */
const ANNOUNCED_WITHIN_MS = 15_000;

/**
 * The way in: messages are recorded in the transaction that decided on them, then announced. A message to a target that
 * has not proven itself yet waits for that until it expires.
 */
@Injectable()
export class Deliveries {
  private readonly logger = new Logger(Deliveries.name);

  constructor(
    private readonly database: Database,
    private readonly lanes: Lanes,
    private readonly metrics: DeliveryMetrics,
    private readonly clock: Clock,
  ) {}

  /** Records messages; returns their ids in the same order, of a message that is known already the known one. */
  async create(tx: PoolClient, deliveries: readonly (NewDelivery | SystemDelivery)[]): Promise<string[]> {
    if (deliveries.length === 0) return [];
    const now = this.clock.now();
    const rows = deliveries.map((delivery) => newRow(delivery, now));
    const { rows: inserted } = await tx.query<InsertedRow>(INSERT, [JSON.stringify(rows)]);
    await this.supersede(tx, inserted);
    for (const { channel, state } of inserted) this.metrics.count(channel, state);
    if (inserted.length === rows.length) return rows.map(({ id }) => id);
    return this.knownIds(tx, rows);
  }

  /** After the commit: puts what is due into the queues. What this misses is found within seconds by the sweeper. */
  announce(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.enqueue(ids).catch((error: unknown) => {
      this.logger.warn({ deliveries: ids.length, reason: String(error) }, 'deliveries were not announced');
    });
  }

  /**
   * After a change of a rule, or of its user's preferences, in the transaction of the change: what nobody wants any more ends,
   * what waited for the end of quiet hours or for a digest is asked again when. Each claim asks once more, so nothing that
   * this does not reach leaves either.
   */
  async reconsider(tx: PoolClient, changed: { ruleId: string } | { userId: string }): Promise<void> {
    const ended = await reconsider(tx, changed, this.clock.now());
    for (const { channel, state } of ended) this.metrics.count(channel, state);
  }

  /** The rows' own values are given: a join of the table with itself would be planned for the table it was before. */
  private async supersede(tx: PoolClient, inserted: readonly InsertedRow[]): Promise<void> {
    const newer = inserted.filter(({ state, type }) => state === 'pending' && type !== 'test');
    await tx.query(SUPERSEDE, [
      newer.map((row) => row.id),
      newer.map((row) => row.target_id),
      newer.map((row) => row.collapse_key),
      newer.map((row) => row.position),
    ]);
  }

  private async enqueue(ids: readonly string[]): Promise<void> {
    await this.lanes.put(await this.database.query<Job & { [column: string]: unknown }>(DUE, [ids]));
  }

  /** A transition that was evaluated twice made its messages once. */
  private async knownIds(tx: PoolClient, rows: readonly NewRow[]): Promise<string[]> {
    const keys = rows.flatMap(({ idempotency_key: key }) => (key === null ? [] : [key]));
    const { rows: known } = await tx.query<{ id: string; key: string }>(
      `SELECT id, '\\x' || encode(idempotency_key, 'hex') AS key FROM deliveries
       WHERE idempotency_key = ANY(SELECT k::bytea FROM unnest($1::text[]) k)`,
      [keys],
    );
    const byKey = new Map(known.map(({ id, key }) => [key, id]));
    return rows.map(({ id, idempotency_key: key }) => (key === null ? id : (byKey.get(key) ?? id)));
  }
}

interface InsertedRow {
  id: string;
  channel: string;
  state: string;
  type: string;
  target_id: string | null;
  collapse_key: string;
  position: number;
}

type NewRow = ReturnType<typeof newRow>;

/** What INSERT reads, by its names; bytea as text. */
function newRow(delivery: NewDelivery | SystemDelivery, now: number) {
  const starts = Math.max(now, delivery.notBefore?.getTime() ?? 0);
  // Life begins when it may be sent: a message held back for the night is not stale in the morning.
  const expires = starts >= delivery.expiresAt.getTime() ? starts + (delivery.expiresAt.getTime() - now) : undefined;
  const { userId, transitionId, target, channel, template = null, format = null, type } = delivery;
  const key = targetKey(channel, target);
  const identity = JSON.stringify([transitionId, userId, channel, key, type, template, format]);
  const rules = delivery.ruleIds ?? ('ruleId' in delivery.data ? [delivery.data.ruleId] : []);
  const known = rules.filter((id) => UUID.test(id));
  return {
    id: newId(now),
    idempotency_key: transitionId === undefined ? null : bytea(identity),
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
    held_by: type.startsWith('alert.') && starts > now ? (delivery.digest ? 'digest' : 'quiet_hours') : null,
    rule_ids: known.length === 0 ? null : known,
    next_attempt_at: new Date(starts),
    due_at: new Date(delivery.notBefore === undefined ? now + ANNOUNCED_WITHIN_MS : starts),
    expires_at: new Date(expires ?? delivery.expiresAt.getTime()),
  };
}

function bytea(text: string): string {
  return `\\x${sha256(text).toString('hex')}`;
}

/** The row's state follows from what it is and from its target, as both stand in this transaction. */
const INSERT = `
  INSERT INTO deliveries (id, user_id, target_id, channel, target, type, data, template, format, priority, digest,
    collapse_key, standalone, transition_id, idempotency_key, rule_ids, state, reason, next_attempt_at, due_at, expires_at,
    finished_at)
  SELECT n.id, n.user_id, t.id, n.channel, n.target, n.type, n.data, n.template, n.format, n.priority, n.digest,
    n.collapse_key, n.standalone, n.transition_id, n.idempotency_key::bytea,
    CASE WHEN n.rule_ids IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(n.rule_ids)::uuid) END,
    CASE WHEN f.reason IS NULL THEN 'pending' ELSE 'suppressed' END,
    coalesce(f.reason, CASE WHEN held THEN 'target_unverified' END, n.held_by),
    n.next_attempt_at, CASE WHEN held THEN n.expires_at ELSE n.due_at END, n.expires_at,
    CASE WHEN f.reason IS NOT NULL THEN now() END
  FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (id uuid, user_id text, channel text, target text,
    target_key text, type text, data jsonb, template text, format text, priority text, digest boolean,
    collapse_key text, standalone boolean, transition_id text, idempotency_key text, suppressed text, held_by text, rule_ids jsonb, next_attempt_at timestamptz,
    due_at timestamptz, expires_at timestamptz)) WITH ORDINALITY AS n
  LEFT JOIN notification_targets t
    ON t.user_id = n.user_id AND t.channel = n.channel AND t.target_key = n.target_key::bytea
  CROSS JOIN LATERAL (SELECT coalesce(n.suppressed, CASE WHEN t.id IS NULL THEN 'unknown_target'
    WHEN t.status <> 'disabled' OR n.type = 'endpoint.disabled' THEN NULL
    WHEN t.status_reason = 'bounced' THEN 'bounced' ELSE 'target_disabled' END) AS reason) f
  CROSS JOIN LATERAL (SELECT t.status = 'pending' AND n.type NOT IN ('endpoint.verify', 'target.confirm') AS held) h
  ORDER BY n.ordinality
  ON CONFLICT (idempotency_key) DO NOTHING
  RETURNING id, channel, state, type, target_id, collapse_key, position`;

/** A receiver that comes back after hours gets the present: what waits for a later attempt gives way to the new. */
const SUPERSEDE = `
  UPDATE deliveries o SET state = 'superseded', reason = n.id::text, finished_at = now()
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[]) n(id, target_id, collapse_key, position)
  WHERE o.target_id = n.target_id AND o.collapse_key = n.collapse_key AND o.position < n.position AND NOT o.digest
    AND NOT o.standalone
    AND (o.state = 'retrying' OR (o.state = 'pending' AND o.next_attempt_at > now()))`;

const DUE = `
  SELECT d.id, d.channel, d.priority, d.attempts, d.target_id AS receiver, d.user_id AS "user", t.failures > 0 AS slow
  FROM deliveries d
  JOIN notification_targets t ON t.id = d.target_id
  WHERE d.id = ANY($1) AND d.state IN ('pending', 'retrying') AND d.next_attempt_at <= now() + interval '10 ms'
    AND d.reason IS DISTINCT FROM 'target_unverified'
  ORDER BY d.position`;
