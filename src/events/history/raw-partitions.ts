import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';

const DAY_MS = 86_400_000;
/** Days for which weeks are made ahead; after a shorter stop the check at the next start suffices. */
const AHEAD_DAYS = 14;

/** Weekly partitions of raw history: made ahead, dropped when their last day is older than HISTORY_RAW_DAYS. */
@Injectable()
export class RawPartitions {
  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
  ) {}

  /** Makes the coming weeks. Idempotent, safe in several processes at once. */
  async prepare(now: number): Promise<void> {
    await this.database.query('SELECT prepare_metric_points(to_timestamp($1::float8 / 1000))', [
      now + AHEAD_DAYS * DAY_MS,
    ]);
  }

  /** Drops old weeks and returns their number: 0 also while points of such a week wait for their aggregates. */
  async retire(now: number): Promise<number> {
    const answer = await this.database.one<{ dropped: number }>(
      'SELECT retire_metric_points(to_timestamp($1::float8 / 1000)) AS dropped',
      [now - this.settings.historyRawDays * DAY_MS],
    );
    return answer?.dropped ?? 0;
  }
}
