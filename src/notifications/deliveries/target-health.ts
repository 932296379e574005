import { Injectable, Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import { afterAttempt, HEALTHY, type Health } from '../core/breaker.js';
import { CHANNELS } from '../core/channels/catalogue.js';
import type { Outcome } from '../core/outcome.js';
import type { ClaimedDelivery } from '../core/delivery-row.js';
import { DeliveryMetrics } from './delivery-metrics.js';
import { AWAITS_FINAL } from './retractions.js';
import { TargetWarnings } from './target-warnings.js';

const DAY_MS = 86_400_000;
/**
 * Time after which an endpoint that fails and never succeeds causes a warning to its owner, ms. It is disabled only some
 * days after the warning, even if few messages were sent, for example two messages a week apart.
 */
const WARN_AFTER_MS = DAY_MS;
const DISABLE_AFTER_WARNING_MS = 4 * DAY_MS;

interface Attempt {
  delivery: ClaimedDelivery;
  outcome: Outcome;
}

/**
 * Consequences of attempts for their targets: circuit breaker (shared by all workers), proofs, dead tokens, refused
 * addresses. Plain SQL: it locks rows in one order and changes those of many users at once.
 */
@Injectable()
export class TargetHealth {
  private readonly logger = new Logger(TargetHealth.name);

  constructor(
    private readonly warnings: TargetWarnings,
    private readonly metrics: DeliveryMetrics,
  ) {}

  async note(tx: PoolClient, attempts: readonly Attempt[], now: number): Promise<void> {
    await this.noteEndpoints(
      tx,
      attempts.filter(({ delivery }) => CHANNELS[delivery.channel].hasBreaker),
      now,
    );
    // Sorted, because two batches that lock the same targets in different orders would deadlock, and one would lose its
    // results.
    for (const { delivery, outcome } of attempts.toSorted(byTarget)) {
      if (outcome.verified) await this.activate(tx, delivery.targetId);
      if (outcome.gone) await this.disable(tx, delivery, outcome.gone);
      if (outcome.bounced) await this.bounce(tx, delivery.targetId, outcome.bounced);
    }
  }

  /** Activates a target that has proven itself, and makes messages due that waited for the proof. */
  async activate(tx: PoolClient, targetId: string): Promise<void> {
    await tx.query(
      `UPDATE notification_targets SET status = 'active', status_reason = NULL, status_detail = NULL, status_since = NULL,
         verified_at = now(), token_hash = NULL, code_hash = NULL, updated_at = now()
         WHERE id = $1 AND status = 'pending'`,
      [targetId],
    );
    await tx.query(UNBAR, [targetId]);
    // Other proofs in progress are no longer needed.
    await tx.query(
      `UPDATE deliveries SET state = 'suppressed', reason = 'confirmed', finished_at = now()
       WHERE target_id = $1 AND state IN ('pending', 'retrying') AND type IN ('endpoint.verify', 'target.confirm')`,
      [targetId],
    );
    await tx.query(
      `UPDATE deliveries SET next_attempt_at = CASE WHEN awaited IS NULL THEN now() ELSE next_attempt_at END,
         due_at = CASE WHEN awaited IS NULL THEN now() ELSE due_at END, reason = CASE WHEN awaited IS NOT NULL THEN $2 END
       WHERE target_id = $1 AND state = 'pending' AND reason = 'target_unverified'`,
      [targetId, AWAITS_FINAL],
    );
  }

  private async bounce(tx: PoolClient, targetId: string, words: string): Promise<void> {
    await tx.query(BAR, [targetId, words.replaceAll('\0', '').slice(0, 1_000).toWellFormed()]);
    this.logger.warn({ targetId, reason: words }, 'mailbox refused permanently; its address is disabled');
  }

  private async noteEndpoints(tx: PoolClient, attempts: readonly Attempt[], now: number): Promise<void> {
    const ids = [...new Set(attempts.map(({ delivery }) => delivery.targetId))].sort();
    const failed = attempts.filter(({ outcome }) => outcome.result !== 'delivered').map((a) => a.delivery.targetId);
    // A healthy endpoint that accepted its message is not updated; this is the case for nearly all attempts.
    const { rows } = await tx.query<HealthRow>(
      `SELECT id, failures, first_failure_at, warned_at, window_started_at, window_calls, window_failures,
         breaker_open_until, breaker_trips FROM notification_targets
       WHERE id = ANY($1) AND (id = ANY($2) OR window_started_at IS NOT NULL OR breaker_open_until IS NOT NULL)
       ORDER BY id FOR UPDATE`,
      [ids, failed],
    );
    for (const row of rows) {
      const own = attempts.filter(({ delivery }) => delivery.targetId === row.id);
      const health = own.reduce(
        (h, { outcome, delivery }) => afterAttempt(h, outcome.result === 'delivered', now, delivery.startedAt),
        fromRow(row),
      );
      await this.store(tx, row, health, own, now);
    }
  }

  private async store(
    tx: PoolClient,
    row: HealthRow,
    health: Health,
    attempts: readonly Attempt[],
    now: number,
  ): Promise<void> {
    const failingMs = health.firstFailureAt === null ? 0 : now - health.firstFailureAt;
    const warn = failingMs >= WARN_AFTER_MS && row.warned_at === null;
    await tx.query(
      `UPDATE notification_targets SET failures = $2, first_failure_at = $3, window_started_at = $4, window_calls = $5,
         window_failures = $6, breaker_open_until = $7, breaker_trips = $8, updated_at = now(),
         warned_at = CASE WHEN $9 THEN now() WHEN $2 = 0 THEN NULL ELSE warned_at END WHERE id = $1`,
      [
        row.id,
        health.failures,
        date(health.firstFailureAt),
        date(health.windowStartedAt),
        health.windowCalls,
        health.windowFailures,
        date(health.openUntil),
        health.trips,
        warn,
      ],
    );
    if (health.openUntil !== null && row.breaker_open_until === null) {
      this.logger.warn({ targetId: row.id, failures: health.failures }, 'endpoint keeps failing; deliveries paused');
    }
    const [last] = attempts.slice(-1);
    if (last === undefined) return;
    if (health.trips > row.breaker_trips) this.metrics.tripped(last.delivery.channel);
    const warnedMs = health.failures === 0 || row.warned_at === null ? 0 : now - row.warned_at.getTime();
    if (warnedMs >= DISABLE_AFTER_WARNING_MS) await this.disable(tx, last.delivery, 'failing');
    else if (warn) await this.warnings.warn(tx, last.delivery, 'endpoint.failing', last.outcome.detail ?? 'no answer');
  }

  private async disable(tx: PoolClient, delivery: ClaimedDelivery, reason: string): Promise<void> {
    const { onDead } = CHANNELS[delivery.channel];
    const { rowCount } = await tx.query(
      `UPDATE notification_targets SET status = 'disabled', status_reason = $2, status_since = now(), updated_at = now(),
         sealed = CASE WHEN $3 THEN NULL ELSE sealed END
       WHERE id = $1 AND status <> 'disabled'`,
      [delivery.targetId, reason, onDead === 'forget'],
    );
    if (rowCount === 0) return;
    this.logger.log({ targetId: delivery.targetId, reason }, 'target disabled');
    if (onDead === 'warn') await this.warnings.warn(tx, delivery, 'endpoint.disabled', reason);
  }
}

function byTarget(a: Attempt, b: Attempt): number {
  return a.delivery.targetId < b.delivery.targetId ? -1 : 1;
}

interface HealthRow {
  id: string;
  failures: number;
  first_failure_at: Date | null;
  warned_at: Date | null;
  window_started_at: Date | null;
  window_calls: number;
  window_failures: number;
  breaker_open_until: Date | null;
  breaker_trips: number;
}

function fromRow(row: HealthRow): Health {
  return {
    ...HEALTHY,
    failures: row.failures,
    firstFailureAt: row.first_failure_at?.getTime() ?? null,
    windowStartedAt: row.window_started_at?.getTime() ?? null,
    windowCalls: row.window_calls,
    windowFailures: row.window_failures,
    openUntil: row.breaker_open_until?.getTime() ?? null,
    trips: row.breaker_trips,
  };
}

function date(time: number | null): Date | null {
  return time === null ? null : new Date(time);
}

const ADDRESS = `t.channel = 'email' AND t.target_key = (SELECT target_key FROM notification_targets WHERE id = $1)`;

/** SQL that marks a mailbox as missing, for all users. */
const BAR = `
  UPDATE notification_targets t SET status = 'disabled', status_reason = 'bounced', status_detail = $2, status_since = now(),
    token_hash = NULL, updated_at = now()
  FROM (SELECT id FROM notification_targets t WHERE ${ADDRESS} AND status <> 'disabled' ORDER BY id FOR UPDATE) same
  WHERE t.id = same.id`;

/** SQL that marks a mailbox as existing again after a confirmation, for all users who had confirmed it before. */
const UNBAR = `
  UPDATE notification_targets t SET status = 'active', status_reason = NULL, status_detail = NULL, status_since = NULL,
    updated_at = now()
  FROM (SELECT id FROM notification_targets t WHERE ${ADDRESS} AND status_reason = 'bounced' AND verified_at IS NOT NULL
    ORDER BY id FOR UPDATE) same
  WHERE t.id = same.id`;
