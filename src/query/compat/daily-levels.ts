import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { COUNTING_SERIES } from '../core/datasets.js';

/** A level at the start of a day, Unix seconds. */
export interface DailyLevel {
  readonly date: number;
  readonly level: number;
}

/** Which series are added up. */
export interface SeriesChoice {
  /** One protocol only. */
  protocol?: string;
  /** One chain only. */
  chain?: string;
  /** Categories, lower case, whose protocols are left out. */
  withoutCategories?: readonly string[];
}

/**
 * Levels at the start of each UTC day from the daily aggregates, several series added up. At any day a series counts with
 * its value then: the day's first point, or the last close before a gap. So the sum is made of differences: each row adds
 * what changed since the row before, and a running total over the days gives the level. One pass, no grid of days × series.
 */
@Injectable()
export class DailyLevels {
  constructor(private readonly database: Database) {}

  /** Oldest first; today's start included. */
  async of(choice: SeriesChoice): Promise<DailyLevel[]> {
    const { protocol = null, chain = null, withoutCategories = [] } = choice;
    return await this.database.query(SUM_OF_LEVELS, [protocol, chain, withoutCategories]);
  }

  /** Of each chain of a protocol by itself, pseudo chains included. */
  async byChain(protocol: string): Promise<Map<string, DailyLevel[]>> {
    const rows = await this.database.query<DailyLevel & { chain: string }>(LEVELS_BY_CHAIN, [protocol]);
    const chains = new Map<string, DailyLevel[]>();
    for (const { chain, date, level } of rows) {
      const levels = chains.get(chain) ?? [];
      levels.push({ date, level });
      chains.set(chain, levels);
    }
    return chains;
  }
}

const seconds = (column: string) => `extract(epoch FROM ${column})::float8`;

// Without a chain what counts is what counts in queries; a chain that is named is a real one.
const SUM_OF_LEVELS = `
WITH chosen AS (
  SELECT r.id FROM metric_series r LEFT JOIN protocols p ON p.slug = r.subject
  WHERE r.metric = 'tvl' AND ($1::text IS NULL OR r.subject = $1)
    AND CASE WHEN $2::text IS NOT NULL THEN r.chain = $2 ELSE ${COUNTING_SERIES} END
    AND (p.category IS NULL OR lower(p.category) <> ALL ($3::text[]))
), days AS (
  SELECT d.bucket, d.open, d.close,
    lag(d.bucket) OVER series AS before, lag(d.open) OVER series AS open_before, lag(d.close) OVER series AS close_before,
    lead(d.bucket) OVER series AS next
  FROM metric_daily d JOIN chosen ON chosen.id = d.series_id
  WINDOW series AS (PARTITION BY d.series_id ORDER BY d.bucket)
), differences AS (
  SELECT bucket, open - coalesce(CASE WHEN before = bucket - interval '1 day' THEN open_before ELSE close_before END, 0) AS change
  FROM days
  UNION ALL
  SELECT bucket + interval '1 day', close - open FROM days
  WHERE next IS DISTINCT FROM bucket + interval '1 day' AND bucket + interval '1 day' <= now()
)
SELECT ${seconds('bucket')} AS date, greatest(sum(sum(change)) OVER (ORDER BY bucket), 0) AS level
FROM differences GROUP BY bucket ORDER BY bucket`;

const LEVELS_BY_CHAIN = `
SELECT s.chain, ${seconds('d.bucket')} AS date, d.open AS level
FROM metric_series s JOIN metric_daily d ON d.series_id = s.id
WHERE s.metric = 'tvl' AND s.subject = $1 AND s.chain <> 'all'
ORDER BY s.chain, d.bucket`;
