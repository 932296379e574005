import { Injectable } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { Outcome } from '../core/outcome.js';
import { verdict } from '../core/verdict.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import { ChannelTroubles } from '../channels/channel-troubles.js';
import { TargetHealth } from './target-health.js';
import { Batcher } from './batcher.js';
import { DeliveryMetrics } from './delivery-metrics.js';
import type { ClaimedDelivery } from '../core/delivery-row.js';
import { WAKE } from './order.js';
import { bytesOf, StorageBudget, type UserBytes } from './storage-budget.js';

/** Attempt and its outcome. */
interface AttemptResult {
  delivery: ClaimedDelivery;
  outcome: Outcome;
  /** Duration of the attempt, ms. */
  durationMs: number;
}

/** Stores the result of each attempt: the attempt, the delivery's next state, and the consequences for its target. */
@Injectable()
export class DeliveryResults {
  private readonly batcher = new Batcher<AttemptResult, void>((results) => this.recordAll(results));

  constructor(
    private readonly database: Database,
    private readonly health: TargetHealth,
    private readonly metrics: DeliveryMetrics,
    private readonly troubles: ChannelTroubles,
    private readonly clock: Clock,
    private readonly budget: StorageBudget,
  ) {}

  record(result: AttemptResult): Promise<void> {
    this.troubles.note(result.delivery, result.outcome);
    return this.batcher.add(result);
  }

  /** Makes deliveries due whose turn had not come in this stopping process, so that other processes send them. */
  async handBack(ids: readonly string[]): Promise<void> {
    if (ids.length === 0) return;
    await this.database.query(
      `UPDATE deliveries SET due_at = now() WHERE id = ANY($1) AND state IN ('pending', 'retrying') AND next_attempt_at <= now()`,
      [ids],
    );
  }

  /** Returns a delivery that was claimed but not handed over to its waiting state, and makes it due. */
  async giveBack({ members, ...delivery }: ClaimedDelivery): Promise<void> {
    const claimed = [delivery, ...members];
    const ids = claimed.map(({ id }) => id);
    await this.database.transaction(async (tx) => {
      await tx.query(GIVE_BACK, [ids, claimed.map(({ attempt }) => attempt)]);
      await tx.query(GIVE_WAY, [ids]);
    });
  }

  private async recordAll(results: readonly AttemptResult[]): Promise<void[]> {
    const now = this.clock.now();
    const attempts = results.flatMap((result) => withMembers(result).map(attemptRow));
    const rows = results.flatMap((result) => {
      // All members of one mail get the same jitter, so that they are retried in one mail.
      const chance = Math.random();
      return withMembers(result).map((each) => resultRow(each, now, () => chance));
    });
    const finished = await this.database.transaction(async (tx) => {
      const { rows: stored } = await tx.query<UserBytes>(INSERT_ATTEMPTS, [
        JSON.stringify(attempts),
        this.budget.limit,
      ]);
      const { rows: changed } = await tx.query<Finished>(STORE, [JSON.stringify(rows), new Date(now)]);
      await tx.query(WAKE, [changed.map(({ id }) => id)]);
      await this.health.note(tx, results, now);
      await this.budget.add(tx, bytesOf(stored));
      return changed;
    });
    this.observe(finished);
    return results.map(() => undefined);
  }

  /**
   * Ends attempts of a worker that died while sending: they are marked as interrupted, and the delivery is due again
   * unless a newer message supersedes it.
   */
  async interrupt(tx: PoolClient, ids: readonly string[]): Promise<void> {
    await tx.query(
      `WITH lost AS (UPDATE deliveries SET state = 'retrying', next_attempt_at = now(), reason = 'interrupted',
         tries = tries - 1 WHERE id = ANY($1) AND state = 'sending' RETURNING id, attempts, started_at)
       INSERT INTO delivery_attempts (delivery_id, n, trigger, started_at, duration_ms, outcome, detail)
       SELECT id, attempts, 'auto', started_at, 0, 'interrupted',
         'the worker ended while sending; whether the target received it is unknown' FROM lost
       ON CONFLICT DO NOTHING`,
      [ids],
    );
    await tx.query(GIVE_WAY, [ids]);
  }

  private observe(finished: readonly Finished[]): void {
    for (const { channel, state, seconds } of finished) {
      this.metrics.count(channel, state);
      if (state === 'delivered') this.metrics.delivered(channel, seconds);
    }
  }
}

const GIVE_BACK = `
  UPDATE deliveries d SET state = CASE WHEN d.attempts > 1 THEN 'retrying' ELSE 'pending' END,
    attempts = d.attempts - 1, tries = d.tries - 1, next_attempt_at = now(), due_at = now()
  FROM unnest($1::uuid[], $2::int[]) AS g (id, attempt)
  WHERE d.id = g.id AND d.state = 'sending' AND d.attempts = g.attempt`;

/**
 * SQL that supersedes deliveries that were being sent and are waiting again, by a newer message about the same subject,
 * as after a failed attempt. A firing is not superseded by a resolution that is not yet delivered: that resolution waits
 * for it, because the target may have received the firing.
 */
const GIVE_WAY = `
  UPDATE deliveries d SET state = 'superseded', reason = newer.id::text, finished_at = now()
  FROM deliveries o CROSS JOIN LATERAL (SELECT n.id FROM deliveries n
    WHERE n.target_id = o.target_id AND n.collapse_key = o.collapse_key AND n.position > o.position
      AND (n.state = 'delivered' OR n.state IN ('pending', 'sending', 'retrying') AND n.type = o.type)
    ORDER BY n.position DESC LIMIT 1) newer
  WHERE o.id = ANY($1) AND NOT o.digest AND NOT o.standalone AND o.type <> 'test'
    AND d.id = o.id AND d.state IN ('pending', 'retrying')`;

interface Finished {
  id: string;
  channel: string;
  state: string;
  seconds: number;
}

function withMembers(result: AttemptResult): AttemptResult[] {
  return [result, ...result.delivery.members.map((delivery) => ({ ...result, delivery }))];
}

function attemptRow({ delivery, outcome, durationMs }: AttemptResult): object {
  return {
    delivery_id: delivery.id,
    user_id: delivery.userId,
    n: delivery.attempt,
    tries: delivery.tries,
    trigger: delivery.type === 'test' ? 'test' : 'auto',
    started_at: new Date(delivery.startedAt),
    duration_ms: Math.max(0, Math.round(durationMs)),
    outcome: outcome.result,
    status_code: outcome.statusCode ?? null,
    detail: storable(outcome.detail, 1_000),
    response_head: storable(outcome.responseHead, 4_000),
  };
}

function resultRow({ delivery, outcome }: AttemptResult, now: number, random: () => number): object {
  const { channel, tries, expiresAt } = delivery;
  const life = { channel, tries, expiresAt: expiresAt.getTime() };
  const { state, nextAttemptAt, reason } = verdict(life, outcome, now, random);
  return {
    id: delivery.id,
    attempt: delivery.attempt,
    state,
    reason: storable(reason ?? undefined, 1_000),
    next_attempt_at: nextAttemptAt === null ? null : new Date(nextAttemptAt),
  };
}

/** Returns a text that PostgreSQL can store: without NUL, and without lone surrogates. */
function storable(text: string | undefined, longest: number): string | null {
  return text === undefined ? null : text.replaceAll('\0', '').slice(0, longest).toWellFormed();
}

/**
 * SQL that inserts attempts. An interrupted attempt does not count as a try; other attempts beyond `tries` were made
 * before a user requested the delivery again. Responses are not stored for a user whose budget is used up. Returns the
 * bytes stored per user, if they are worth counting.
 */
const INSERT_ATTEMPTS = `
  WITH made AS (
    INSERT INTO delivery_attempts (delivery_id, n, trigger, started_at, duration_ms, outcome, status_code, detail,
      response_head)
    SELECT delivery_id, n,
      CASE WHEN trigger = 'auto' AND n > tries AND n > tries + (SELECT count(*) FROM delivery_attempts i
        WHERE i.delivery_id = a.delivery_id AND i.outcome = 'interrupted') THEN 'manual' ELSE trigger END,
      started_at, duration_ms, outcome, status_code, detail,
      CASE WHEN s.bytes >= $2::bigint THEN NULL ELSE response_head END
    FROM jsonb_to_recordset($1::jsonb) AS a(delivery_id uuid, user_id text, n integer, tries integer, trigger text,
      started_at timestamptz, duration_ms integer, outcome text, status_code integer, detail text, response_head text)
    LEFT JOIN user_storage s USING (user_id)
    ON CONFLICT DO NOTHING
    RETURNING delivery_id, attempt_bytes(n, outcome, detail, response_head) AS bytes)
  SELECT d.user_id, made.bytes FROM made JOIN deliveries d ON d.id = made.delivery_id WHERE made.bytes > 0`;

/**
 * SQL that stores results, but only while the attempt is the delivery's current one: a worker that was considered dead
 * must not overwrite the result of its successor. A delivery to be retried is superseded by a newer message about the
 * same subject, even if that arrived during the attempt, so that the last message a receiver gets is the current state.
 */
const STORE = `
  UPDATE deliveries d SET state = CASE WHEN newer.id IS NOT NULL THEN 'superseded' ELSE r.state END,
    reason = coalesce(newer.id::text, r.reason),
    next_attempt_at = coalesce(now() + (r.next_attempt_at - $2::timestamptz), d.next_attempt_at),
    due_at = coalesce(now() + (r.next_attempt_at - $2::timestamptz), d.due_at),
    finished_at = CASE WHEN r.state <> 'retrying' OR newer.id IS NOT NULL THEN clock_timestamp() END
  FROM jsonb_to_recordset($1::jsonb) AS r(id uuid, attempt integer, state text, reason text,
      next_attempt_at timestamptz)
    LEFT JOIN LATERAL (SELECT n.id FROM deliveries o CROSS JOIN LATERAL (
        SELECT id, position FROM deliveries WHERE target_id = o.target_id AND collapse_key = o.collapse_key
          AND position > o.position AND state IN ('pending', 'sending', 'retrying')
        UNION ALL SELECT id, position FROM deliveries WHERE target_id = o.target_id AND collapse_key = o.collapse_key
          AND position > o.position AND state = 'delivered' AND started_at > o.started_at - interval '2 minutes') n
      WHERE r.state = 'retrying' AND o.id = r.id AND NOT o.digest AND NOT o.standalone AND o.type <> 'test'
      ORDER BY n.position DESC LIMIT 1) newer ON true
  WHERE d.id = r.id AND d.state = 'sending' AND d.attempts = r.attempt
  RETURNING d.id, d.channel, d.state, extract(epoch FROM clock_timestamp() - d.created_at)::float8 AS seconds`;
