import { isoTime } from '../../../platform/input/time.js';
import type { Bucket } from '../ast.js';
import type { LevelPlan, Span } from '../plan/plan.js';
import type { SqlParameters } from './sql-parameters.js';

/** SQL of the start of a time's bucket in UTC, weeks from Monday; the same as `bucketStart` of core/time.ts. */
const BUCKET_SQL: Readonly<Record<Bucket, (at: string) => string>> = {
  '5m': (at) => `date_bin('5 minutes', ${at}, 'epoch')`,
  '15m': (at) => `date_bin('15 minutes', ${at}, 'epoch')`,
  '1h': (at) => `date_trunc('hour', ${at}, 'UTC')`,
  '4h': (at) => `date_bin('4 hours', ${at}, 'epoch')`,
  '1d': (at) => `date_trunc('day', ${at}, 'UTC')`,
  '1w': (at) => `date_trunc('week', ${at}, 'UTC')`,
  '1mo': (at) => `date_trunc('month', ${at}, 'UTC')`,
};

/** Returns the SQL of the start of a time's bucket; `whole` if there are no buckets. */
export function bucketSql(bucket: Bucket | undefined, at: string, whole = at): string {
  return bucket === undefined ? whole : BUCKET_SQL[bucket](at);
}

/** Returns the SQL of the end of a bucket, given its start. */
export function behindSql(bucket: Bucket, start: string): string {
  return `${start} + interval '${LENGTH_SQL[bucket]}'`;
}

const LENGTH_SQL: Readonly<Record<Bucket, string>> = {
  '5m': '5 minutes',
  '15m': '15 minutes',
  '1h': '1 hour',
  '4h': '4 hours',
  '1d': '24 hours',
  '1w': '168 hours',
  // Months have their exact length, because sessions use UTC.
  '1mo': '1 month',
};

/** Name of the CTE with all requested series. */
export const ALL_SERIES = 'recorded';

/** Time from which single values are kept. */
const RAW_FROM = '(SELECT raw_from FROM history_state)';

const HOURS = 'recorded s JOIN metric_hourly h ON h.series_id = s.id';
const DAYS = 'recorded s JOIN metric_daily h ON h.series_id = s.id';

/**
 * Returns the condition that a row's bucket is not in the list of changed buckets. Nearly all rows are older than the oldest
 * changed bucket and need no look-up in the list. The list is hashed, not joined: the planner has no statistics about its
 * length, and a nested loop over it took seconds.
 */
function unchanged(list: 'dirty_hours' | 'dirty_days'): string {
  return `(h.bucket < (SELECT coalesce(min(bucket), 'infinity') FROM ${list})
      OR (h.series_id, h.bucket) NOT IN (SELECT series_id, bucket FROM ${list}))`;
}

interface Pieces {
  readonly ctes: string[];
  /**
   * Disjoint queries with the columns (series_id, properties, bucket, close, high, low, mean); for single values (…, bucket,
   * close, seq).
   */
  readonly parts: readonly string[];
}

interface PieceOptions {
  /** Properties of a series that must be in the result. */
  readonly used: readonly string[];
  /** Whether the rows are single values instead of buckets. */
  readonly single: boolean;
  /** Source of the series: `ALL_SERIES`, or a subquery from which a few series are looked up by id. */
  readonly lookup: string;
}

/**
 * Returns SQL that reads series from days, hours and single values, such that every time of the range is covered by exactly
 * one of them. An hour is changed if it is marked or the log's tail contains a value of it: it is read from its single
 * values, and its day from its hours, so that late and corrected values are visible immediately. If the single values of an
 * hour are no longer kept, it is read from its aggregate plus its values in the tail.
 */
export function levelPieces(plan: LevelPlan, options: PieceOptions, parameters: SqlParameters): Pieces {
  return new PieceBuilder(plan, options, parameters).build();
}

class PieceBuilder {
  private readonly names: string;
  private readonly from: string;
  private readonly to: string;

  constructor(
    private readonly plan: LevelPlan,
    private readonly options: PieceOptions,
    private readonly parameters: SqlParameters,
  ) {
    this.names = options.used.map((name) => `s.${name}, `).join('');
    this.from = this.time(plan.from);
    this.to = this.time(plan.to);
  }

  build(): Pieces {
    if (this.options.single) return { ctes: [], parts: this.singleValues() };
    const { bucket, hours, days } = this.plan;
    if (hours === undefined) return { ctes: [], parts: [this.merged([this.values(), this.tailValues()])] };
    const [hoursFrom, hoursTo] = this.span(hours);
    const ctes = [this.dirtyHours(hoursFrom, hoursTo)];
    const values = [
      ...(this.plan.from < hours.from ? [this.edge(this.from, hoursFrom)] : []),
      ...(this.plan.to > hours.to ? [this.edge(hoursTo, this.to)] : []),
      this.dirtyValues(hoursFrom, hoursTo),
      ...(this.plan.isAged ? [this.agedHours()] : []),
      this.tailValues(),
    ];
    const whole = `h.bucket >= ${hoursFrom} AND h.bucket < ${hoursTo} AND ${unchanged('dirty_hours')}`;
    if (days === undefined) {
      const parts =
        bucket === '1h'
          ? [this.complete('metric_hourly', whole), this.merged(values, this.lookUpSeries('m.series_id'))]
          : [this.merged([this.aggregates(HOURS, whole), ...values])];
      return { ctes, parts };
    }
    const [daysFrom, daysTo] = this.span(days);
    ctes.push(this.dirtyDays(daysFrom, daysTo));
    const wholeDay = `h.bucket >= ${daysFrom} AND h.bucket < ${daysTo} AND ${unchanged('dirty_days')}`;
    const rest = [
      ...(hours.from < days.from ? [this.aggregates(HOURS, `${whole} AND h.bucket < ${daysFrom}`)] : []),
      ...(hours.to > days.to ? [this.aggregates(HOURS, `${whole} AND h.bucket >= ${daysTo}`)] : []),
      this.aggregates(
        `dirty_days s JOIN metric_hourly h ON h.bucket >= s.bucket AND h.bucket < s.bucket + interval '24 hours' AND h.series_id = s.series_id`,
        whole,
      ),
      ...values,
    ];
    const parts =
      bucket === '1d'
        ? [this.complete('metric_daily', wholeDay), this.merged(rest, this.lookUpSeries('m.series_id'))]
        : [this.merged([this.aggregates(DAYS, wholeDay), ...rest])];
    return { ctes, parts };
  }

  /** Returns rows that are complete buckets. */
  private complete(table: string, where: string): string {
    return `SELECT h.series_id, ${this.names}h.bucket, h.close, h.high, h.low, h.sum / h.samples AS mean
  FROM ${this.options.lookup} s JOIN ${table} h ON h.series_id = s.id WHERE ${where}`;
  }

  /** Returns rows that are parts of buckets and must be merged. */
  private aggregates(from: string, where: string): string {
    return `SELECT h.series_id, ${this.bucketOf('h.bucket')} AS bucket, h.close, h.closed_at, 0::bigint AS closed_seq, h.high, h.low,
    h.sum, h.samples
  FROM ${from} WHERE ${where}`;
  }

  /**
   * Merges parts to buckets. Properties of the series are joined last, so that only numbers and times are grouped and
   * sorted.
   */
  private merged(parts: readonly string[], joinSeries = 'JOIN series s ON s.id = m.series_id'): string {
    return `SELECT m.series_id, ${this.names}m.bucket, m.close, m.high, m.low, m.mean
  FROM (SELECT x.series_id, x.bucket, (array_agg(x.close ORDER BY x.closed_at DESC, x.closed_seq DESC))[1] AS close,
    max(x.high) AS high, min(x.low) AS low, sum(x.sum) / sum(x.samples) AS mean
    FROM (${parts.join(' UNION ALL ')}) x GROUP BY x.series_id, x.bucket) m ${joinSeries}`;
  }

  /**
   * Returns the join that adds properties to series found outside complete buckets and recorded values. A page finds few
   * such series and looks up only these. The planner does not know their small number: with a plain join it scanned all
   * series first, which took three times as long as the page.
   */
  private lookUpSeries(id: string): string {
    const { lookup } = this.options;
    if (lookup === ALL_SERIES) return `JOIN series s ON s.id = ${id}`;
    return `CROSS JOIN LATERAL (SELECT * FROM ${lookup} k WHERE k.id = ${id}
    UNION ALL SELECT * FROM newcomers k WHERE k.id = ${id}) s`;
  }

  /** Returns single values `p` as parts of buckets, one per series and bucket. */
  private partOf(from: string, bucket: string): string {
    return `SELECT p.series_id, ${bucket} AS bucket, (array_agg(p.value ORDER BY p.at DESC, p.seq DESC))[1] AS close, max(p.at) AS closed_at,
    (array_agg(p.seq ORDER BY p.at DESC, p.seq DESC))[1] AS closed_seq, max(p.value) AS high, min(p.value) AS low,
    sum(p.value) AS sum, count(*)::integer AS samples
  FROM ${from} GROUP BY 1, 2`;
  }

  private values(): string {
    const points = `recorded s JOIN metric_points p ON p.series_id = s.id WHERE p.at >= ${this.from} AND p.at < ${this.to}`;
    return this.partOf(points, this.bucketOf('p.at'));
  }

  /**
   * Returns the values before the first complete hour or after the last one: they span less than an hour and so belong to
   * one bucket. With the array of series this is one scan of the primary key in its order, however many values the
   * incomplete hour has.
   */
  private edge(from: string, to: string): string {
    const points = `metric_points p WHERE p.series_id = ANY (ARRAY(SELECT id FROM recorded)) AND p.at >= ${from} AND p.at < ${to}`;
    return this.partOf(points, this.bucketOf(from));
  }

  private dirtyValues(hoursFrom: string, hoursTo: string): string {
    // The redundant bounds let the planner exclude partitions.
    const points = `dirty_hours d
  JOIN metric_points p ON p.series_id = d.series_id AND p.at >= d.bucket AND p.at < d.bucket + interval '1 hour'
  WHERE p.at >= ${hoursFrom} AND p.at < ${hoursTo}`;
    return this.partOf(points, this.bucketOf('d.bucket'));
  }

  /**
   * Returns changed hours whose single values are no longer kept. Late values were added to the hours' aggregates, but not
   * yet to the aggregate of their day.
   */
  private agedHours(): string {
    return this.aggregates(
      'dirty_hours s JOIN metric_hourly h ON h.series_id = s.series_id AND h.bucket = s.bucket',
      `h.bucket < ${RAW_FROM}`,
    );
  }

  private tailValues(): string {
    return this.partOf(`tail p WHERE p.at >= ${this.from} AND p.at < ${this.to}`, this.bucketOf('p.at'));
  }

  private singleValues(): string[] {
    const recorded = `SELECT p.series_id, ${this.names}p.at AS bucket, p.value AS close, p.seq
  FROM recorded s JOIN metric_points p ON p.series_id = s.id WHERE p.at >= ${this.from} AND p.at < ${this.to}`;
    const late = `SELECT p.series_id, ${this.names}p.at AS bucket, p.value AS close, p.seq
  FROM tail p ${this.lookUpSeries('p.series_id')} WHERE p.at >= ${this.from} AND p.at < ${this.to}`;
    return [recorded, late];
  }

  /**
   * Restricts the marks to the requested series by a hashed list, which is fast whatever number of series the planner
   * assumes.
   */
  private dirtyHours(from: string, to: string): string {
    return `dirty_hours AS MATERIALIZED (
  SELECT m.series_id, m.bucket FROM (
    SELECT d.series_id, d.bucket FROM history_dirty d WHERE d.bucket >= ${from} AND d.bucket < ${to}
    UNION SELECT t.series_id, date_trunc('hour', t.at, 'UTC') FROM tail t WHERE t.at >= ${from} AND t.at < ${to}
  ) m WHERE ${this.plan.isAged ? '' : `m.bucket >= ${RAW_FROM} AND `}(m.series_id IN (SELECT id FROM recorded)) IS TRUE)`;
  }

  private dirtyDays(from: string, to: string): string {
    return `dirty_days AS MATERIALIZED (SELECT DISTINCT d.series_id, date_trunc('day', d.bucket, 'UTC') AS bucket
  FROM dirty_hours d WHERE d.bucket >= ${from} AND d.bucket < ${to})`;
  }

  /** Returns the bucket of a time; without buckets the whole range is one bucket. */
  private bucketOf(at: string): string {
    return bucketSql(this.plan.bucket, at, this.from);
  }

  private span({ from, to }: Span): [string, string] {
    return [this.time(from), this.time(to)];
  }

  private time(at: number): string {
    return this.parameters.add(isoTime(at), 'timestamptz');
  }
}
