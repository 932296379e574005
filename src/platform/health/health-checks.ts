import { Injectable, ServiceUnavailableException } from '@nestjs/common';
import {
  HealthCheckService,
  HealthIndicatorService,
  type HealthCheckResult,
  type HealthIndicatorFunction,
} from '@nestjs/terminus';
import { LoopGuard } from '../loop/loop-guard.js';
import { Database } from '../database/database.js';
import { pendingMigrations } from '../database/migrate-database.js';
import { RedisConnections } from '../redis/redis-connections.js';
import { Readiness } from './readiness.js';

/** Timeout of a check, ms: balancers must still be waiting for the answer. */
const TIMEOUT_MS = 2_000;

/** Conditions under which this process may receive clients. */
@Injectable()
export class HealthChecks {
  /** Whether migrations are complete: only a deployment adds them, so they stay complete for this process. */
  private migrated = false;

  constructor(
    private readonly health: HealthCheckService,
    private readonly indicators: HealthIndicatorService,
    private readonly database: Database,
    private readonly redis: RedisConnections,
    private readonly readiness: Readiness,
    private readonly loop: LoopGuard,
  ) {}

  async ready(): Promise<HealthCheckResult> {
    try {
      return await this.health.check([
        () => this.databaseAnswers(),
        () => this.schemaIsCurrent(),
        ...(this.redis.configured ? [() => this.redisAnswers()] : []),
        () => this.wantsWork(),
        () => this.loopTurns(),
        ...this.notices(),
      ]);
    } catch (error) {
      if (error instanceof ServiceUnavailableException) return error.getResponse() as HealthCheckResult;
      throw error;
    }
  }

  private databaseAnswers() {
    return this.indicators
      .check('database')
      .attempt(async () => void (await this.database.query('SELECT 1')))
      .withTimeout(TIMEOUT_MS);
  }

  private schemaIsCurrent() {
    return this.indicators
      .check('migrations')
      .attempt(async () => {
        if (this.migrated) return;
        const pending = await pendingMigrations((text) => this.database.query(text));
        if (pending.length > 0)
          throw new Error(`${pending.length} migrations are pending; npm run migrate applies them`);
        this.migrated = true;
      })
      .withTimeout(TIMEOUT_MS);
  }

  /** Redis is reported only: without it the process serves on and stays ready. */
  private redisAnswers() {
    const session = this.indicators.check('redis');
    if (this.redis.state !== 'up') return session.degraded('Redis unavailable; the process works without it');
    return this.redis.refusal === undefined
      ? session.up()
      : session.degraded('Redis takes no writes; the process works without them');
  }

  /** Returns notices for operators about a process that serves. */
  private notices(): HealthIndicatorFunction[] {
    return this.readiness.notices.all().map(
      ({ name, message }) =>
        () =>
          this.indicators.check(name).degraded(message),
    );
  }

  private wantsWork() {
    const session = this.indicators.check('draining');
    return this.readiness.draining ? session.down('the process is shutting down') : session.up();
  }

  /** Reports turns and delays of the event loop in the last minute or two, for people: it never makes a process unready. */
  private loopTurns() {
    const { ms, gcMs, cause } = this.loop.longest;
    const details = { longestTurnMs: Math.round(ms), gcMs: Math.round(gcMs), cause };
    return this.indicators.check('event_loop').up({ delayP99Ms: Math.round(this.loop.delayP99Ms), ...details });
  }
}
