import type { Bucket } from './ast.js';
import type { LevelPlan, Span } from './plan.js';
import type { SqlParameters } from './sql-parameters.js';

/** Start of the bucket of a time, in UTC, weeks from Monday: the same as `bucketStart` of core/time.ts. */
const BUCKET_SQL: Readonly<Record<Bucket, (at: string) => string>> = {
  '5m': (at) => `date_bin('5 minutes', ${at}, 'epoch')`,
  '15m': (at) => `date_bin('15 minutes', ${at}, 'epoch')`,
  '1h': (at) => `date_trunc('hour', ${at}, 'UTC')`,
  '4h': (at) => `date_bin('4 hours', ${at}, 'epoch')`,
  '1d': (at) => `date_trunc('day', ${at}, 'UTC')`,
  '1w': (at) => `date_trunc('week', ${at}, 'UTC')`,
  '1mo': (at) => `date_trunc('month', ${at}, 'UTC')`,
};

/** Start of the bucket of a time; without buckets `whole`. */
export function bucketSql(bucket: Bucket | undefined, at: string, whole = at): string {
  return bucket === undefined ? whole : BUCKET_SQL[bucket](at);
}

/** Nothing recorded before this is single any more. */
const RAW_FROM = '(SELECT raw_from FROM history_state)';

interface Pieces {
  readonly ctes: string[];
  /** Disjoint; (series_id, properties, bucket, close, high, low, mean); for single values (…, bucket, close, seq). */
  readonly parts: readonly string[];
}

/**
 * Reads series from days, hours and single values so that every moment of the range is in exactly one of them. An hour
 * that changed since its aggregate was made (it has a mark, or the log's tail speaks of it) is read from its single
 * values, and its day from its hours: late and corrected values are seen at once.
 */
export function levelPieces(
  plan: LevelPlan,
  used: readonly string[],
  single: boolean,
  parameters: SqlParameters,
): Pieces {
  return new PieceBuilder(plan, used, parameters).build(single);
}

class PieceBuilder {
  private readonly names: string;
  private readonly grouped: string;
  private readonly from: string;
  private readonly to: string;

  constructor(
    private readonly plan: LevelPlan,
    used: readonly string[],
    private readonly parameters: SqlParameters,
  ) {
    this.names = used.map((name) => `s.${name}, `).join('');
    this.grouped = used.map((name) => `x.${name}, `).join('');
    this.from = this.time(plan.from);
    this.to = this.time(plan.to);
  }

  build(single: boolean): Pieces {
    if (single) return { ctes: [], parts: this.singleValues() };
    const { bucket, hours, days } = this.plan;
    if (hours === undefined) return { ctes: [], parts: [this.merged([this.values(this.allValues())])] };
    const [hoursFrom, hoursTo] = this.span(hours);
    const ctes = [this.dirtyHours(hoursFrom, hoursTo)];
    const values = this.values(this.valuesAround(hours, hoursFrom, hoursTo));
    const whole = `h.bucket >= ${hoursFrom} AND h.bucket < ${hoursTo} AND NOT EXISTS (
      SELECT FROM dirty_hours d WHERE d.series_id = h.series_id AND d.bucket = h.bucket AND d.bucket >= ${RAW_FROM})`;
    if (days === undefined) {
      const hourly = this.aggregates('metric_hourly', whole);
      const parts =
        bucket === '1h'
          ? [this.complete('metric_hourly', whole), this.merged([values])]
          : [this.merged([hourly, values])];
      return { ctes, parts };
    }
    const [daysFrom, daysTo] = this.span(days);
    ctes.push(this.dirtyDays(daysFrom, daysTo));
    const wholeDay = `h.bucket >= ${daysFrom} AND h.bucket < ${daysTo} AND NOT EXISTS (
      SELECT FROM dirty_days d WHERE d.series_id = h.series_id AND d.bucket = h.bucket)`;
    const hourly = [
      ...(hours.from < days.from ? [this.aggregates('metric_hourly', `${whole} AND h.bucket < ${daysFrom}`)] : []),
      ...(hours.to > days.to ? [this.aggregates('metric_hourly', `${whole} AND h.bucket >= ${daysTo}`)] : []),
      this.aggregates(
        'metric_hourly',
        whole,
        `JOIN dirty_days c ON c.series_id = s.id AND h.bucket >= c.bucket AND h.bucket < c.bucket + interval '24 hours'`,
      ),
    ];
    const parts =
      bucket === '1d'
        ? [this.complete('metric_daily', wholeDay), this.merged([...hourly, values])]
        : [this.merged([this.aggregates('metric_daily', wholeDay), ...hourly, values])];
    return { ctes, parts };
  }

  /** Rows that are whole buckets already. */
  private complete(table: string, where: string): string {
    return `SELECT h.series_id, ${this.names}h.bucket, h.close, h.high, h.low, h.sum / h.samples AS mean
  FROM recorded s JOIN ${table} h ON h.series_id = s.id WHERE ${where}`;
  }

  /** Parts of buckets that still have to be put together. */
  private aggregates(table: string, where: string, join = ''): string {
    return `SELECT h.series_id, ${this.names}${this.bucketOf('h.bucket')} AS bucket, h.close, h.closed_at, h.high, h.low, h.sum, h.samples
  FROM recorded s JOIN ${table} h ON h.series_id = s.id ${join} WHERE ${where}`;
  }

  private merged(pieces: readonly string[]): string {
    return `SELECT x.series_id, ${this.grouped}x.bucket, (array_agg(x.close ORDER BY x.closed_at DESC))[1] AS close, max(x.high) AS high,
    min(x.low) AS low, sum(x.sum) / sum(x.samples) AS mean
  FROM (${pieces.join(' UNION ALL ')}) x GROUP BY x.series_id, ${this.grouped}x.bucket`;
  }

  /** Single values as parts of buckets: one per series and bucket. */
  private values(points: string): string {
    return `SELECT x.series_id, ${this.grouped}x.bucket, (array_agg(x.value ORDER BY x.at DESC, x.seq DESC))[1] AS close,
    max(x.at) AS closed_at, max(x.value) AS high, min(x.value) AS low, sum(x.value) AS sum, count(*)::integer AS samples
  FROM (${points}) x GROUP BY x.series_id, ${this.grouped}x.bucket`;
  }

  private singleValues(): string[] {
    const recorded = `SELECT q.series_id, ${this.names}q.at AS bucket, q.value AS close, q.seq
  FROM recorded s JOIN metric_points q ON q.series_id = s.id WHERE q.at >= ${this.from} AND q.at < ${this.to}`;
    return [recorded, this.ofTail('t.at AS bucket, t.value AS close, t.seq')];
  }

  private allValues(): string {
    return `${this.points(`q.at >= ${this.from} AND q.at < ${this.to}`)} UNION ALL ${this.tailValues()}`;
  }

  private valuesAround(hours: Span, hoursFrom: string, hoursTo: string): string {
    const pieces = [
      ...(this.plan.from < hours.from ? [this.points(`q.at >= ${this.from} AND q.at < ${hoursFrom}`)] : []),
      ...(this.plan.to > hours.to ? [this.points(`q.at >= ${hoursTo} AND q.at < ${this.to}`)] : []),
      this.points(
        // The span says nothing new; by it the planner leaves out partitions.
        `d.bucket >= ${RAW_FROM} AND q.at >= ${hoursFrom} AND q.at < ${hoursTo}`,
        `JOIN dirty_hours d ON d.series_id = s.id`,
        `AND q.at >= d.bucket AND q.at < d.bucket + interval '1 hour'`,
      ),
      this.tailValues(),
    ];
    return pieces.join(' UNION ALL ');
  }

  private points(where: string, join = '', on = ''): string {
    return `SELECT q.series_id, ${this.names}${this.bucketOf('q.at')} AS bucket, q.at, q.seq, q.value
  FROM recorded s ${join} JOIN metric_points q ON q.series_id = s.id ${on} WHERE ${where}`;
  }

  private tailValues(): string {
    return this.ofTail(`${this.bucketOf('t.at')} AS bucket, t.at, t.seq, t.value`);
  }

  /** In two parts, so that the few values of the tail look up their series instead of all series being read for them. */
  private ofTail(columns: string): string {
    const part = (series: string): string => `SELECT s.id AS series_id, ${this.names}${columns}
  FROM tail t JOIN ${series} s ON s.id = t.series_id WHERE t.at >= ${this.from} AND t.at < ${this.to}`;
    return `${part('recorded')} UNION ALL ${part('newcomers')}`;
  }

  private dirtyHours(from: string, to: string): string {
    return `dirty_hours AS MATERIALIZED (
  SELECT d.series_id, d.bucket FROM history_dirty d WHERE d.bucket >= ${from} AND d.bucket < ${to}
  UNION SELECT t.series_id, date_trunc('hour', t.at, 'UTC') FROM tail t WHERE t.at >= ${from} AND t.at < ${to})`;
  }

  private dirtyDays(from: string, to: string): string {
    return `dirty_days AS MATERIALIZED (SELECT DISTINCT d.series_id, date_trunc('day', d.bucket, 'UTC') AS bucket
  FROM dirty_hours d WHERE d.bucket >= ${from} AND d.bucket < ${to})`;
  }

  /** Without buckets the whole range is one. */
  private bucketOf(at: string): string {
    return bucketSql(this.plan.bucket, at, this.from);
  }

  private span({ from, to }: Span): [string, string] {
    return [this.time(from), this.time(to)];
  }

  private time(at: number): string {
    return this.parameters.add(new Date(at).toISOString(), 'timestamptz');
  }
}
