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

/** Timeout of a check, ms: shorter than the timeout of a load balancer's probe. */
const TIMEOUT_MS = 2_000;

/** Checks of `/health/ready`: whether this process may receive clients. */
@Injectable()
export class HealthChecks {
  /** Whether all migrations have run. Only a deployment adds migrations, so true stays true for the life of the process. */
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
          throw new Error(`${pending.length} migrations are pending; run \`defi-realtime migrate\``);
        this.migrated = true;
      })
      .withTimeout(TIMEOUT_MS);
  }

  /** Reports the state of Redis; without Redis the process continues to serve and stays ready. */
  private redisAnswers() {
    const session = this.indicators.check('redis');
    if (this.redis.state !== 'up') return session.degraded('Redis unavailable; the process works without it');
    return this.redis.refusal === undefined
      ? session.up()
      : session.degraded('Redis refuses writes; the process works without them');
  }

  /** Returns the notices for operators as checks that report `degraded`. */
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

  /**
   * Reports the longest turn and the delay of the event loop in the last one to two minutes, for information only: slow
   * turns do not make a process unready.
   */
  private loopTurns() {
    const { ms, gcMs, cause } = this.loop.longest;
    const details = { longestTurnMs: Math.round(ms), gcMs: Math.round(gcMs), cause };
    return this.indicators.check('event_loop').up({ delayP99Ms: Math.round(this.loop.delayP99Ms), ...details });
  }
}
