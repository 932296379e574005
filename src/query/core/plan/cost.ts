import { comparisons, conjuncts, type Condition, type Query } from '../ast.js';
import type { StoredTable } from '../dataset-fields.js';
import { datasetOf, fieldOf } from '../datasets.js';
import type { Plan, Span } from './plan.js';
import { inputFault } from '../../../platform/input/faults.js';
import { QUERY_LIMITS } from '../limits.js';
import { bucketStarts, ceilTo, DAY_MS, floorTo, HOUR_MS } from '../time.js';

/** Approximate sizes of the stored data, possibly slightly out of date. */
export interface StoredSizes {
  readonly series: Readonly<Record<'tvl' | 'price', number>>;
  /** Number of protocols (for tvl) or tokens (for price) that have series. */
  readonly subjects: Readonly<Record<'tvl' | 'price', number>>;
  readonly protocols: number;
  /** Average number of single values per series and hour. */
  readonly pointsPerHour: number;
  /** Numbers of rows in the tables of days, hours and single values; upper bounds for a query. */
  readonly most: Readonly<Record<'days' | 'hours' | 'points', number>>;
  readonly logRows: number;
  /** Rows of tables that are counted as a whole. */
  readonly stored: Readonly<Record<StoredTable, number>>;
  /** Time of the log's oldest row, Unix milliseconds. */
  readonly logFrom: number;
}

export interface Cost {
  /** Number of rows to read. */
  readonly rows: number;
  /** Maximum number of values of a group in a bucket; each series has one value in a bucket. */
  readonly values: number;
  /** Whether the query counts as heavy: only few heavy queries run at the same time, even if more connections are free. */
  readonly heavy: boolean;
}

/** Length of a partition of the log, ms. Rows of a partition are not ordered by time, so a partition is read as a whole. */
const LOG_PARTITION_MS = 6 * HOUR_MS;
/** Number of rows above which a query is heavy: about a tenth of a second of one core. */
const HEAVY_ROWS = 150_000;
/** Maximum number of rows that a query may read: about as many as can be read within its 30 s. */
const MAX_ROWS = 60_000_000;

/**
 * Estimates the cost of a query from its plan. `chosen` is the number of its series, if they were counted. Throws if the
 * query cannot be answered in time; the error names possible remedies.
 */
export function estimateCost(query: Query, plan: Plan, sizes: StoredSizes, chosen?: number): Cost {
  const cost = roughCost(query, plan, sizes, chosen);
  if (cost.rows > MAX_ROWS) {
    const detail = `The query would read about ${cost.rows} rows; at most ${MAX_ROWS} are allowed. Use a longer time.bucket, a shorter range, or fewer protocols.`;
    throw inputFault('limit_exceeded', '/time', 'too_costly', detail);
  }
  return cost;
}

/** Estimates the cost of a query without a limit. */
export function roughCost(query: Query, plan: Plan, sizes: StoredSizes, chosen?: number): Cost {
  const { metric, timeField } = datasetOf(query.dataset);
  const series = chosen ?? (metric === undefined ? 0 : sizes.series[metric] * selected(query, sizes));
  const rows = Math.ceil(rowsOf(query, plan, sizes, series));
  const values = metric === undefined || timeField !== undefined ? rows : Math.ceil(series);
  return { rows, values, heavy: rows > HEAVY_ROWS };
}

/** Whether conditions other than lists of subjects select the series; their number is then only known by counting. */
export function choosesByOthers(query: Query): boolean {
  const { metric } = datasetOf(query.dataset);
  return metric !== undefined && conjuncts(query.where).some((part) => !isList(query, part));
}

function rowsOf(query: Query, { now, levels, range }: Plan, sizes: StoredSizes, series: number): number {
  const { name, timeField, stored: table } = datasetOf(query.dataset);
  if (table !== undefined) return sizes.stored[table];
  if (timeField !== undefined) {
    if (range !== undefined) return sizes.logRows * shareOfLog(range, sizes.logFrom, now);
    return query.aggregations.length > 0 ? sizes.logRows : query.limit * 10;
  }
  if (name === 'protocols') return sizes.protocols + sizes.series.tvl;
  if (levels === undefined) {
    const lookups = comparisons(query.where).reduce(
      (sum, { field }) => sum + (fieldOf(datasetOf(query.dataset), field)?.lookups ?? 0),
      0,
    );
    return series * (1 + lookups);
  }
  const length = (span: Span | undefined): number => (span === undefined ? 0 : span.to - span.from);
  const days = length(levels.days) / DAY_MS;
  const hours = (length(levels.hours) - length(levels.days)) / HOUR_MS;
  const rest = ((length(levels) - length(levels.hours)) / HOUR_MS) * sizes.pointsPerHour;
  const { bucket, fill, from, to } = levels;
  const filled =
    bucket === undefined || fill === 'none' ? 0 : bucketStarts(bucket, from, to, QUERY_LIMITS.filledBuckets).length;
  // A range may begin long before the first stored value and end in the future.
  const { most } = sizes;
  const stored =
    Math.min(series * days, most.days) + Math.min(series * hours, most.hours) + Math.min(series * rest, most.points);
  return series * (1 + filled) + stored;
}

/** Returns the share of the log that a range covers, if the log grew at a constant rate. */
function shareOfLog(range: Span, logFrom: number, now: number): number {
  const from = floorTo(LOG_PARTITION_MS, Math.min(logFrom, now));
  const to = floorTo(LOG_PARTITION_MS, now) + LOG_PARTITION_MS;
  const [first, last] = [floorTo(LOG_PARTITION_MS, range.from), ceilTo(LOG_PARTITION_MS, range.to)];
  return Math.max(0, Math.min(to, last) - Math.max(from, first)) / (to - from);
}

/** Returns the share of the series that the query's lists of subjects select. */
function selected(query: Query, sizes: StoredSizes): number {
  const count = query.dataset === 'prices' ? sizes.subjects.price : sizes.subjects.tvl;
  const lists = conjuncts(query.where).flatMap((part) =>
    part.kind === 'compare' && isList(query, part) ? [part.values.length] : [],
  );
  return count === 0 ? 1 : Math.min(1, ...lists.map((length) => length / count));
}

function isList({ dataset }: Query, part: Condition): boolean {
  const subject = dataset === 'prices' ? 'token' : 'protocol';
  return part.kind === 'compare' && part.field === subject && (part.operator === 'in' || part.operator === 'eq');
}
