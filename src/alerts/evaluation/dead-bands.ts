import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { deadBandOf, type DeadBandRow, type EvaluatorOptions } from '../core/index.js';

export type DeadBand = NonNullable<EvaluatorOptions['deadBand']>;

const REFRESH_INTERVAL_MS = 60_000;

/** Dead bands: the moves from which a value is published and rules can see it. */
@Injectable()
export class DeadBands {
  private newest: DeadBand = deadBandOf([]);
  /** Rows of the table, as of the last reading. */
  private rows: readonly DeadBandRow[] = [];
  private readAt = -Infinity;
  private reading: Promise<void> | undefined;

  constructor(private readonly database: Database) {}

  /** Returns the ratios, at most a minute old, as a function that keeps answering with newer ones. */
  async current(): Promise<DeadBand> {
    if (performance.now() - this.readAt > REFRESH_INTERVAL_MS) {
      this.reading ??= this.read().finally(() => (this.reading = undefined));
      await this.reading;
    }
    return this.of;
  }

  /** Returns the rows of the ratios, for worker threads, to which a function cannot be passed. */
  async currentRows(): Promise<readonly DeadBandRow[]> {
    await this.current();
    return this.rows;
  }

  private readonly of: DeadBand = (metric, subject) => this.newest(metric, subject);

  private async read(): Promise<void> {
    this.rows = await this.database.query<DeadBandRow & Record<string, unknown>>(
      'SELECT metric, subject, min_change_ratio AS ratio FROM change_thresholds',
    );
    this.newest = deadBandOf(this.rows);
    this.readAt = performance.now();
  }
}
