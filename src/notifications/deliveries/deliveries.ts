import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { BurstLimit } from '../core/burst-limit.js';
import { CHANNELS } from '../core/channels/catalogue.js';
import type { NewDelivery, SystemType } from '../core/delivery.js';
import { newId, sha256 } from '../core/ids.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { isUuid } from '../../platform/input/ids.js';
import { DeliveryMetrics } from './delivery-metrics.js';
import { untilHandedOver } from './until-handed-over.js';
import { Lanes, type Job } from './lanes.js';
import { priorityOf } from './order.js';
import { reconsider } from './reconsider.js';
import { bytesOf, StorageBudget, type UserBytes } from './storage-budget.js';

/** Message of the service itself, without an alert. */
type SystemDelivery = Omit<NewDelivery, 'type' | 'data'> & { type: SystemType; data: object };

/** Time after which the sweeper enqueues a recorded message without a job, ms. */
const ANNOUNCEMENT_TIMEOUT_MS = 15_000;
/**
 * Maximum number of a user's messages that a process enqueues per second. The sweeper takes further ones, user by user, so that
 * the queues are short for everyone.
 */
const ANNOUNCED_OF_USER = 50;
/** Maximum number of messages that wait for the confirmation of one target; further messages are suppressed. */
const MAX_UNCONFIRMED = 100;
/** Period in which all messages of one rule to one target that the budget refuses share one row, ms. */
const REFUSAL_WINDOW_MS = 60_000;
const NOTICE_TTL_MS = 86_400_000;

/**
 * Records messages in the transaction that decides to send them, and enqueues them afterwards. A message to a target
 * without a proof waits for the proof until it expires.
 */
@Injectable()
export class Deliveries {
  private readonly logger = new Logger(Deliveries.name);
  private readonly announced = new BurstLimit(ANNOUNCED_OF_USER, 1_000);

  constructor(
    private readonly database: Database,
    private readonly lanes: Lanes,
    private readonly metrics: DeliveryMetrics,
    private readonly clock: Clock,
    private readonly budget: StorageBudget,
  ) {}

  /** Returns those of the given users whose messages are not sent because their storage budget is used up. */
  full(userIds: readonly string[]): Promise<ReadonlySet<string>> {
    return this.budget.full(userIds);
  }

  /**
   * Records messages and returns their ids in the same order; for a message that was already recorded, its existing id.
   * `stored`: bytes per user that the transaction has stored elsewhere. Must be the last step of its transaction, because
   * the storage of users is counted here.
   */
  async create(
    tx: PoolClient,
    deliveries: readonly (NewDelivery | SystemDelivery)[],
    stored: readonly UserBytes[] = [],
  ): Promise<string[]> {
    const now = this.clock.now();
    const rows = deliveries.map((delivery) => newRow(delivery, now));
    const given = [JSON.stringify(rows), this.budget.limit, MAX_UNCONFIRMED];
    const inserted = rows.length === 0 ? [] : (await tx.query<InsertedRow>(INSERT, given)).rows;
    await this.supersede(tx, inserted);
    await this.budget.add(tx, bytesOf(inserted, stored));
    await this.giveNotice(tx, inserted, now);
    for (const { channel, state } of inserted) this.metrics.count(channel, state);
    if (inserted.length === rows.length) return rows.map(({ id }) => id);
    return this.knownIds(tx, rows);
  }

  /**
   * Enqueues due messages; called after the commit. The sweeper finds messages that could not be enqueued within seconds.
   */
  announce(ids: readonly string[]): void {
    if (ids.length === 0) return;
    this.enqueue(ids).catch((error: unknown) => {
      this.logger.warn(
        { deliveries: ids.length, err: error },
        'deliveries could not be announced; the sweeper will queue them',
      );
    });
  }

  /**
   * Checks waiting messages again after a change of a rule or of its user's preferences, in the transaction of the
   * change. Unwanted messages end, and those that wait for the end of quiet hours or for a digest get a new time.
   * Messages not reached here are checked when they are claimed.
   */
  async reconsider(tx: PoolClient, changed: { ruleId: string } | { userId: string }): Promise<void> {
    const ended = await reconsider(tx, changed, this.clock.now());
    for (const { channel, state } of ended) this.metrics.count(channel, state);
  }

  /** Waits, after the commit of an edit of a rule, until no message that the edit forbids can be handed over any more. */
  settled(ruleId: string): Promise<void> {
    return untilHandedOver(this.database, ruleId);
  }

  /** Sends users whose messages the budget refuses one notice a day, to their oldest target. */
  private async giveNotice(tx: PoolClient, inserted: readonly InsertedRow[], now: number): Promise<void> {
    const refused = inserted.filter(({ reason }) => reason === 'budget').map((row) => row.user_id);
    if (refused.length === 0) return;
    const notices = (await this.budget.dueNotices(tx, [...new Set(refused)], now)).map((notice): SystemDelivery => ({
      ...notice,
      type: 'account.budget',
      priority: 'low',
      collapseKey: 'account.budget',
      // Not enqueued here: the message is due at once, so the sweeper finds it.
      notBefore: new Date(now),
      expiresAt: new Date(now + NOTICE_TTL_MS),
    }));
    await this.create(tx, notices);
  }

  /**
   * Supersedes older messages. The inserted rows are passed as parameters, because a self-join of the table would be
   * planned with statistics from before the insert.
   */
  private async supersede(tx: PoolClient, inserted: readonly InsertedRow[]): Promise<void> {
    const newer = inserted.filter(({ state, type }) => state === 'pending' && type !== 'test');
    if (newer.length === 0) return;
    await tx.query(SUPERSEDE, [
      newer.map((row) => row.id),
      newer.map((row) => row.target_id),
      newer.map((row) => row.collapse_key),
      newer.map((row) => row.position),
    ]);
  }

  private async enqueue(ids: readonly string[]): Promise<void> {
    const jobs = await this.database.query<Job & { [column: string]: unknown }>(DUE, [ids]);
    const now = performance.now();
    const { queued = [], swept = [] } = Object.groupBy(jobs, ({ user }) =>
      this.announced.allows(user, now) ? 'queued' : 'swept',
    );
    await this.lanes.put(queued);
    if (swept.length > 0) await this.database.query(LEAVE_TO_SWEEPER, [swept.map(({ id }) => id)]);
  }

  /** Returns the ids of messages that were already recorded, for example because a transition was evaluated twice. */
  private async knownIds(tx: PoolClient, rows: readonly NewRow[]): Promise<string[]> {
    const keys = rows.flatMap(keysOf);
    const { rows: known } = await tx.query<{ id: string; key: string }>(
      `SELECT id, '\\x' || encode(idempotency_key, 'hex') AS key FROM deliveries
       WHERE idempotency_key = ANY(SELECT k::bytea FROM unnest($1::text[]) k)`,
      [keys],
    );
    const byKey = new Map(known.map(({ id, key }) => [key, id]));
    return rows.map((row) => keysOf(row).flatMap((key) => byKey.get(key) ?? [])[0] ?? row.id);
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
  user_id: string;
  reason: string | null;
  bytes: number;
}

type NewRow = ReturnType<typeof newRow>;

/** Returns the row for INSERT, by column names; bytea as text. */
function newRow(delivery: NewDelivery | SystemDelivery, now: number) {
  const starts = Math.max(now, delivery.notBefore?.getTime() ?? 0);
  // The lifetime starts when the message may be sent, so that a message held back by quiet hours does not expire
  // meanwhile.
  const expires = starts >= delivery.expiresAt.getTime() ? starts + (delivery.expiresAt.getTime() - now) : undefined;
  const { userId, transitionId, target, channel, template = null, format = null, type } = delivery;
  const key = CHANNELS[channel].key(target);
  const identity = JSON.stringify([transitionId, userId, channel, key, type, template, format]);
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
    held_by: type.startsWith('alert.') && starts > now ? (delivery.digest ? 'digest' : 'quiet_hours') : null,
    rule_ids: known.length === 0 ? null : known,
    // Absent: at once, by the clock of the database, which finds what is due. The clock of this process may be wrong.
    next_attempt_at: delivery.notBefore === undefined ? null : new Date(starts),
    expires_at: new Date(expires ?? delivery.expiresAt.getTime()),
  };
}

function keysOf({ idempotency_key: own, refused_key: refused }: NewRow): string[] {
  return own === null ? [refused] : [own, refused];
}

function bytea(text: string): string {
  return `\\x${sha256(text).toString('hex')}`;
}

/**
 * SQL that inserts rows. Their state is derived from the message, its target and its user's budget, as they are in this
 * transaction. Messages that the budget refuses are stored without their text, one row per minute, rule and target.
 */
const INSERT = `
  WITH given AS MATERIALIZED (
    SELECT n.*, t.id AS target_id, t.status, t.status_reason, s.bytes >= $2::bigint AS is_full,
      n.type LIKE 'alert.%' OR n.type = 'test' AS is_sent_by_rules,
      row_number() OVER (PARTITION BY t.id ORDER BY n.ordinality) AS place
    FROM ROWS FROM (jsonb_to_recordset($1::jsonb) AS (id uuid, user_id text, channel text, target text,
      target_key text, type text, data jsonb, template text, format text, priority text, digest boolean,
      collapse_key text, standalone boolean, transition_id text, idempotency_key text, refused_key text,
      suppressed text, held_by text, rule_ids jsonb, next_attempt_at timestamptz,
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
    collapse_key, standalone, transition_id, idempotency_key, rule_ids, state, reason, next_attempt_at, due_at, expires_at,
    finished_at)
  SELECT n.id, n.user_id, n.target_id, n.channel, n.target, n.type,
    CASE WHEN f.reason = 'budget'
      THEN jsonb_strip_nulls(jsonb_build_object('alertId', n.data -> 'alertId', 'ruleId', n.data -> 'ruleId'))
      ELSE n.data END,
    n.template, n.format, n.priority, n.digest, n.collapse_key, n.standalone, n.transition_id,
    CASE WHEN f.reason = 'budget' THEN n.refused_key ELSE n.idempotency_key END::bytea,
    CASE WHEN n.rule_ids IS NOT NULL THEN ARRAY(SELECT jsonb_array_elements_text(n.rule_ids)::uuid) END,
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

/**
 * SQL that supersedes messages that wait for a later attempt by newer ones, so that a receiver that recovers after hours
 * gets the current state.
 */
const SUPERSEDE = `
  UPDATE deliveries o SET state = 'superseded', reason = n.id::text, finished_at = now()
  FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::bigint[]) n(id, target_id, collapse_key, position)
  WHERE o.target_id = n.target_id AND o.collapse_key = n.collapse_key AND o.position < n.position AND NOT o.digest
    AND NOT o.standalone
    AND (o.state = 'retrying' OR (o.state = 'pending' AND o.next_attempt_at > now()))`;

/** SQL that makes messages due at once that get no job. */
const LEAVE_TO_SWEEPER = `
  UPDATE deliveries SET due_at = now() WHERE id = ANY($1) AND state IN ('pending', 'retrying') AND next_attempt_at <= now()`;

const DUE = `
  SELECT d.id, d.channel, ${priorityOf('d')} AS priority, d.attempts, d.target_id AS receiver, d.user_id AS "user", t.failures > 0 AS slow
  FROM deliveries d
  JOIN notification_targets t ON t.id = d.target_id
  WHERE d.id = ANY($1) AND d.state IN ('pending', 'retrying') AND d.next_attempt_at <= now() + interval '10 ms'
    AND d.reason IS DISTINCT FROM 'target_unverified'
  ORDER BY d.position`;
