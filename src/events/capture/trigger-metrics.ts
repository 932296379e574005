import { Injectable } from '@nestjs/common';
import { Counter } from 'prom-client';
import { Database } from '../../platform/database/database.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';

/** Time and calls of a function, as PostgreSQL counts them. */
interface FunctionRow extends Record<string, unknown> {
  readonly trigger: string;
  readonly calls: number;
  readonly seconds: number;
}

/** Time that the capture triggers take in the transactions of writers, read from the statistics of PostgreSQL at each scrape. */
@Injectable()
export class TriggerMetrics {
  /** Time in the functions of the capture triggers, in seconds. */
  readonly seconds: Counter<'trigger'>;
  private readonly calls: Counter<'trigger'>;

  constructor(
    metrics: Metrics,
    private readonly database: Database,
  ) {
    const registers = [metrics.registry];
    const read = (): Promise<void> => this.read();
    this.calls = new Counter({ ...metricOf('capture_trigger_calls_total'), registers });
    this.seconds = new Counter({ ...metricOf('capture_trigger_seconds_total'), registers, collect: read });
  }

  private async read(): Promise<void> {
    const rows = await this.database.query<FunctionRow>(READ).catch(() => []);
    this.seconds.reset();
    this.calls.reset();
    for (const { trigger, calls, seconds } of rows) {
      this.seconds.inc({ trigger }, seconds);
      this.calls.inc({ trigger }, calls);
    }
  }
}

/** Functions that PostgreSQL has counted; none if its setting `track_functions` is `none`. */
const READ = `SELECT funcname AS trigger, calls, self_time / 1000 AS seconds FROM pg_stat_user_functions
  WHERE schemaname = current_schema() AND funcname LIKE 'capture\\_%'`;
