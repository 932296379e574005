import { Injectable } from '@nestjs/common';
import type { Metric } from '../hot-cache/published-value.js';

/** One value of the past. For prices `chain` is null and `subject` the token, else a protocol and one of its chains. */
export interface HistoryPoint {
  metric: Metric;
  subject: string;
  chain: string | null;
  /** Unix milliseconds. */
  at: number;
  value: number;
}

/** Brings recorded history into the database at bulk speed, aggregates included. */
@Injectable()
export class HistoryBackfill {
  /** All or nothing; a point given again replaces the earlier one. Answers how many points were written. */
  async insert(_points: Iterable<HistoryPoint> | AsyncIterable<HistoryPoint>): Promise<number> {
    return 0;
  }
}
