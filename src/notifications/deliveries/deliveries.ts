import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { BurstLimit } from '../core/burst-limit.js';
import type { NewDelivery } from '../core/delivery.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { actAs } from '../../platform/fairness/working-for.js';
import { DeliveryMetrics } from './delivery-metrics.js';
import { untilHandedOver } from './until-handed-over.js';
import { Lanes, type Job } from './lanes.js';
import { priorityOf } from './order.js';
import { INSERT, keysOf, newRow, type InsertedRow, type NewRow, type SystemDelivery } from './delivery-insert.js';
import { reconsider } from './reconsider.js';
import { retractMessages, settleAwaited, type RetractedAlert, type RetractedCopy } from './retractions.js';
import { bytesOf, StorageBudget, type UserBytes } from './storage-budget.js';

/**
 * Maximum number of a user's messages that a process enqueues per second. The sweeper takes further ones, user by user, so that
 * the queues are short for everyone.
 */
const ANNOUNCED_OF_USER = 50;
/** Maximum number of messages that wait for the confirmation of one target; further messages are suppressed. */
const MAX_UNCONFIRMED = 100;
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
    actAs('process', () => this.enqueue(ids)).catch((error: unknown) => {
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
  async reconsider(tx: PoolClient, changed: { ruleId?: string; userId: string }): Promise<void> {
    const ended = await reconsider(tx, changed, this.clock.now());
    for (const { channel, state } of ended) this.metrics.count(channel, state);
  }

  /**
   * Ends the wait for events that have become final, in the transaction that read so in the log; returns the ids of the messages
   * that wait for no other event, to be announced after the commit.
   */
  async becameFinal(tx: PoolClient, onchainIds: readonly string[]): Promise<string[]> {
    return settleAwaited(tx, onchainIds);
  }

  /**
   * Takes back messages about alerts whose on-chain events were retracted. Those that no receiver can have are ended; returns
   * where the others may have arrived, or will.
   */
  async retract(tx: PoolClient, alerts: readonly RetractedAlert[]): Promise<RetractedCopy[]> {
    const { copies, ended } = await retractMessages(tx, alerts);
    for (const channel of ended) this.metrics.count(channel, 'suppressed');
    return copies;
  }

  /** Waits, after the commit of an edit of a rule, until no message that the edit forbids can be handed over any more. */
  settled(ruleId: string): Promise<void> {
    return actAs('process', () => untilHandedOver(this.database, ruleId));
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
