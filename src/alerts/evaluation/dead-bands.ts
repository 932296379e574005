import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { deadBandOf, type DeadBandRow, type EvaluatorOptions } from '../core/index.js';

export type DeadBand = NonNullable<EvaluatorOptions['deadBand']>;

const REFRESH_MS = 60_000;

/** How far a value must move to be published: what rules can see. */
@Injectable()
export class DeadBands {
  private newest: DeadBand = deadBandOf([]);
  /** Rows of the table, as of the last reading. */
  private rows: readonly DeadBandRow[] = [];
  private readAt = -Infinity;
  private reading: Promise<void> | undefined;

  constructor(private readonly database: Database) {}

  /** The ratios, at most a minute old, as a function that keeps answering with newer ones. */
  async current(): Promise<DeadBand> {
    if (performance.now() - this.readAt > REFRESH_MS) {
      this.reading ??= this.read().finally(() => (this.reading = undefined));
      await this.reading;
    }
    return this.of;
  }

  /** The rows behind the ratios, for where a function cannot go. */
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
