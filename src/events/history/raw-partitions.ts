import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';

const DAY_MS = 86_400_000;
/** Days ahead for which weekly partitions are created; a stop shorter than this leaves no partition missing. */
const PARTITIONS_AHEAD_DAYS = 14;

/**
 * Weekly partitions of raw history. They are created in advance and dropped when their last day is older than
 * HISTORY_RAW_DAYS.
 */
@Injectable()
export class RawPartitions {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
  ) {}

  /** Creates the partitions of the coming weeks. Several processes may call it at once. */
  async prepare(now: number): Promise<void> {
    await this.database.query('SELECT prepare_metric_points(to_timestamp($1::float8 / 1000))', [
      now + PARTITIONS_AHEAD_DAYS * DAY_MS,
    ]);
  }

  /**
   * Drops old partitions and returns their number. A partition stays as long as some of its points are not yet in the
   * aggregates.
   */
  async retire(now: number): Promise<number> {
    const answer = await this.database.one<{ dropped: number }>(
      'SELECT retire_metric_points(to_timestamp($1::float8 / 1000)) AS dropped',
      [now - this.settings.historyRawDays * DAY_MS],
    );
    return answer?.dropped ?? 0;
  }
}
