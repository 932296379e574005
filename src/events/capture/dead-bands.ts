import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { deadBandOf, type DeadBand, type DeadBandRow } from '../core/dead-band.js';

const REFRESH_INTERVAL_MS = 60_000;

/** Dead bands: a value is published, and visible to rules, only if it moves by more than its dead band. */
@Injectable()
export class DeadBands {
  private newest: DeadBand = deadBandOf([]);
  /** Rows of `change_thresholds`, as last read. */
  private rows: readonly DeadBandRow[] = [];
  private readAt = -Infinity;
  private reading: Promise<void> | undefined;

  constructor(private readonly database: Database) {}

  /** Returns the dead bands, at most a minute old. The returned function uses newer ones as they are read. */
  async current(): Promise<DeadBand> {
    if (performance.now() - this.readAt > REFRESH_INTERVAL_MS) {
      this.reading ??= this.read().finally(() => (this.reading = undefined));
      await this.reading;
    }
    return this.of;
  }

  /** Returns the rows of the dead bands for worker threads, because functions cannot be passed to them. */
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
