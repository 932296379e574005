import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { EvaluatorOptions } from '../core/index.js';

export type DeadBand = NonNullable<EvaluatorOptions['deadBand']>;

/** Ratios that hold when the table has no row, as the capture has them. */
const BUILT_IN = { tvl: 0.01, price: 0.001 } as const;
const REFRESH_MS = 60_000;

/** How far a value must move to be published: what rules can see. */
@Injectable()
export class DeadBands {
  private ratios = new Map<string, number>();
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

  private readonly of: DeadBand = (metric, subject) =>
    this.ratios.get(`${metric} ${subject}`) ?? this.ratios.get(`${metric} *`) ?? BUILT_IN[metric];

  private async read(): Promise<void> {
    const rows = await this.database.query<{ metric: string; subject: string; ratio: number }>(
      'SELECT metric, subject, min_change_ratio AS ratio FROM change_thresholds',
    );
    this.ratios = new Map(rows.map(({ metric, subject, ratio }) => [`${metric} ${subject}`, ratio]));
    this.readAt = performance.now();
  }
}
