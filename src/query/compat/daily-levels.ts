import { Injectable } from '@nestjs/common';
import { isRealChain } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';

/** Value of a series at the start of a day; `date` in Unix seconds. */
export interface DailyLevel {
  readonly date: number;
  readonly level: number;
}

/** Selection of the series to add up. */
interface SeriesChoice {
  /** Chain whose series are added up; absent: all chains. */
  chain?: string;
  /** Categories in lower case whose protocols are excluded; double-counted protocols are always excluded. */
  withoutCategories: readonly string[];
}

/**
 * Values at the start of each UTC day: a series' value at 00:00 is its last one at or before that time. A series has a value
 * on each day from its first one to today. Sums are computed from these values for each day separately, not by adding and
 * subtracting changes, so that rounding errors of large values do not carry over to other days.
 */
@Injectable()
export class DailyLevels {
  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  /** Returns the sums over many protocols in ascending order of days, including today. */
  async sum({ chain, withoutCategories }: SeriesChoice): Promise<DailyLevel[]> {
    return await this.database.query(SUMS, [null, this.clock.now(), chain ?? null, withoutCategories]);
  }

  /** Returns the values of each chain of a protocol, including pseudo chains and the source's total (`all`). */
  async byChain(protocol: string): Promise<Map<string, DailyLevel[]>> {
    const rows = await this.database.query<DailyLevel & { chain: string }>(BY_CHAIN, [protocol, this.clock.now()]);
    const chains = new Map<string, DailyLevel[]>();
    for (const { chain, date, level } of rows) {
      const levels = chains.get(chain) ?? [];
      levels.push({ date, level });
      chains.set(chain, levels);
    }
    return chains;
  }
}

/**
 * Returns a protocol's total on each day: the sum over its real chains; on days when none of them had a value, the source's
 * total.
 */
export function totalLevels(chains: ReadonlyMap<string, readonly DailyLevel[]>): DailyLevel[] {
  const total = new Map((chains.get('all') ?? []).map(({ date, level }) => [date, level]));
  const real = new Map<number, number>();
  for (const [chain, levels] of chains) {
    if (!isRealChain(chain)) continue;
    for (const { date, level } of levels) real.set(date, (real.get(date) ?? 0) + level);
  }
  for (const [date, level] of real) total.set(date, level);
  return [...total].map(([date, level]) => ({ date, level })).sort((a, b) => a.date - b.date);
}

/**
 * For each day of a series: its value at exactly 00:00, if it has one (the last of several), and its last value. A day whose
 * aggregate is not up to date is read from single values, including those that so far only the log contains. A series whose
 * row its owner deleted has values while it was still sampled, and again from its next value on.
 */
const LEVELS = `
WITH tail AS MATERIALIZED (
  SELECT coalesce(s.id, -dense_rank() OVER (ORDER BY t.subject, t.chain)::integer) AS series_id, t.subject, t.chain,
    date_trunc('milliseconds', t.at + interval '500 microseconds') AS at, t.seq, t.value
  FROM history_tail t LEFT JOIN metric_series s ON s.metric = 'tvl' AND s.subject = t.subject AND s.chain = t.chain
  WHERE t.metric = 'tvl' AND ($1::text IS NULL OR t.subject = $1)
), known AS (
  SELECT id, subject, chain FROM metric_series WHERE metric = 'tvl' AND ($1::text IS NULL OR subject = $1)
  UNION SELECT series_id, subject, chain FROM tail
), chosen AS MATERIALIZED (
  SELECT r.id, r.subject, r.chain,
    EXISTS (SELECT FROM retired_references g WHERE g.metric = 'tvl' AND g.subject = r.subject AND g.chain = r.chain)
    AND NOT EXISTS (SELECT FROM protocol_tvl t WHERE t.protocol = r.subject AND t.chain = r.chain) AS gone
  FROM known r LEFT JOIN protocols p ON p.slug = r.subject WHERE {chosen}
), gaps AS MATERIALIZED (
  SELECT x.series_id, x.since, x.until FROM history_gaps x WHERE x.series_id IN (SELECT id FROM chosen) AND x.until IS NOT NULL
), stale AS MATERIALIZED (
  SELECT d.series_id, date_trunc('day', d.bucket, 'UTC') AS bucket FROM history_dirty d WHERE d.series_id IN (SELECT id FROM chosen)
  UNION SELECT t.series_id, date_trunc('day', t.at, 'UTC') FROM tail t WHERE t.series_id IN (SELECT id FROM chosen)
), facts AS (
  SELECT d.series_id, d.bucket, CASE WHEN d.opened_at = d.bucket THEN coalesce((SELECT p.value FROM metric_points p
      WHERE p.series_id = d.series_id AND p.at = d.bucket ORDER BY p.seq DESC LIMIT 1), d.open) END AS start, d.close, d.closed_at
  FROM chosen c JOIN metric_daily d ON d.series_id = c.id
  WHERE (d.series_id, d.bucket) NOT IN (SELECT series_id, bucket FROM stale)
  UNION ALL
  SELECT s.series_id, s.bucket, first.value, last.value, last.at
  FROM stale s
  CROSS JOIN LATERAL (
    SELECT v.value, v.at FROM (
      (SELECT p.at, p.seq, p.value FROM metric_points p
       WHERE p.series_id = s.series_id AND p.at >= s.bucket AND p.at < s.bucket + interval '24 hours'
       ORDER BY p.at DESC, p.seq DESC LIMIT 1)
      UNION ALL (SELECT h.closed_at, 0, h.close FROM metric_hourly h
       WHERE h.series_id = s.series_id AND h.bucket >= s.bucket AND h.bucket < s.bucket + interval '24 hours'
         AND h.bucket < (SELECT raw_from FROM history_state) ORDER BY h.bucket DESC LIMIT 1)
      UNION ALL SELECT t.at, t.seq, t.value FROM tail t
       WHERE t.series_id = s.series_id AND t.at >= s.bucket AND t.at < s.bucket + interval '24 hours'
    ) v ORDER BY v.at DESC, v.seq DESC LIMIT 1) last
  LEFT JOIN LATERAL (
    SELECT v.value FROM (
      SELECT p.seq, p.value FROM metric_points p WHERE p.series_id = s.series_id AND p.at = s.bucket
      UNION ALL SELECT 0, h.open FROM metric_hourly h
       WHERE h.series_id = s.series_id AND h.bucket = s.bucket AND h.opened_at = h.bucket
         AND h.bucket < (SELECT raw_from FROM history_state)
      UNION ALL SELECT t.seq, t.value FROM tail t WHERE t.series_id = s.series_id AND t.at = s.bucket
    ) v ORDER BY v.seq DESC LIMIT 1) first ON true
), spans AS (
  SELECT series_id, bucket, start, close, closed_at, lead(bucket) OVER series AS next, lead(start) OVER series AS next_start
  FROM facts WINDOW series AS (PARTITION BY series_id ORDER BY bucket)
), days AS (
  SELECT series_id, bucket AS day, start AS level FROM spans WHERE start IS NOT NULL
  UNION ALL
  SELECT s.series_id, day, s.close
  FROM spans s JOIN chosen c ON c.id = s.series_id
  CROSS JOIN LATERAL generate_series(s.bucket + interval '24 hours',
    least(to_timestamp($2::float8 / 1000), CASE WHEN s.next_start IS NOT NULL THEN s.next - interval '24 hours'
      WHEN s.next IS NOT NULL THEN s.next WHEN c.gone THEN s.closed_at + interval '1 hour' END),
    interval '24 hours') AS day
), levels AS (
  SELECT c.subject, c.chain, d.day, d.level FROM days d JOIN chosen c ON c.id = d.series_id
  WHERE d.day <= to_timestamp($2::float8 / 1000)
    AND NOT EXISTS (SELECT FROM gaps x WHERE x.series_id = d.series_id AND x.since <= d.day AND x.until > d.day)
)`;

const inSeconds = `extract(epoch FROM l.day)::float8 AS date`;

const BY_CHAIN = `${LEVELS.replace('{chosen}', 'true')}
SELECT l.chain, ${inSeconds}, l.level FROM levels l ORDER BY l.chain COLLATE "C", l.day`;

// Sums over one chain; or over all real chains and, on days on which a protocol has none, the total that its source gave.
const SUMS = `${LEVELS.replace(
  '{chosen}',
  `CASE WHEN $3::text IS NOT NULL THEN r.chain = $3 ELSE is_real_chain(r.chain) OR r.chain = 'all' END
    AND (p.category IS NULL OR lower(p.category) <> ALL ($4::text[]))
    AND p.metadata -> 'doublecounted' IS DISTINCT FROM 'true'::jsonb`,
)}
SELECT ${inSeconds}, sum(l.level) AS level
FROM (
  SELECT day, coalesce(sum(level) FILTER (WHERE chain <> 'all'), sum(level) FILTER (WHERE chain = 'all')) AS level
  FROM levels GROUP BY subject, day
) l
GROUP BY l.day ORDER BY l.day`;
