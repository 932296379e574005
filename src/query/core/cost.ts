import { comparisons, conjuncts, type Query } from './ast.js';
import { datasetOf, fieldOf } from './datasets.js';
import type { Plan, Span } from './plan.js';
import { queryFault } from './faults.js';
import { QUERY_LIMITS } from './limits.js';
import { bucketStarts, ceilTo, DAY_MS, floorTo, HOUR_MS } from './time.js';

/** Sizes of the stored data, approximate and slightly out of date. */
export interface StoredSizes {
  readonly series: Readonly<Record<'tvl' | 'price', number>>;
  /** Number of protocols, or tokens, that the series belong to. */
  readonly subjects: Readonly<Record<'tvl' | 'price', number>>;
  readonly protocols: number;
  /** Single values of one series per hour. */
  readonly pointsPerHour: number;
  readonly logRows: number;
  /** Time of the log's oldest row, Unix milliseconds. */
  readonly logFrom: number;
}

export interface Cost {
  /** Number of rows that have to be read. */
  readonly rows: number;
  /** Whether it runs beside only a few other heavy ones, however many connections are free. */
  readonly heavy: boolean;
}

/** Length of a partition of the log, ms: within one there is no order by time, so partitions are read whole. */
const LOG_PARTITION_MS = 6 * HOUR_MS;
/** Rows from which a query is heavy: about a tenth of a second of one core. */
const HEAVY_ROWS = 150_000;
/** Maximum number of rows of a query: about as many as can be read in its 30 s. */
const MAX_ROWS = 60_000_000;

/** Estimates the cost of a query from its plan. Throws for one that cannot be answered in time, with the fix. */
export function estimateCost(query: Query, plan: Plan, sizes: StoredSizes): Cost {
  const rows = Math.ceil(rowsOf(query, plan, sizes));
  if (rows > MAX_ROWS) {
    const detail = `About ${rows} rows would have to be read, at most ${MAX_ROWS} may; use a longer time.bucket, a shorter range, or fewer protocols.`;
    throw queryFault('limit_exceeded', '/time', 'too_costly', detail);
  }
  return { rows, heavy: rows > HEAVY_ROWS };
}

function rowsOf(query: Query, { now, levels, range }: Plan, sizes: StoredSizes): number {
  const { metric, name, timeField } = datasetOf(query.dataset);
  if (timeField !== undefined) {
    if (range !== undefined) return sizes.logRows * shareOfLog(range, sizes.logFrom, now);
    return query.aggregations.length > 0 ? sizes.logRows : query.limit * 10;
  }
  if (name === 'protocols') return sizes.protocols + sizes.series.tvl;
  const series = metric === undefined ? 0 : sizes.series[metric] * selected(query, sizes);
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
  const rest = (length(levels) - length(levels.hours)) / HOUR_MS;
  const { bucket, fill, from, to } = levels;
  const filled =
    bucket === undefined || fill === 'none' ? 0 : bucketStarts(bucket, from, to, QUERY_LIMITS.filledBuckets).length;
  return series * (1 + days + hours + rest * sizes.pointsPerHour + filled);
}

/** Returns the share of the log in a range, as if it had grown evenly. */
function shareOfLog(range: Span, logFrom: number, now: number): number {
  const from = floorTo(LOG_PARTITION_MS, Math.min(logFrom, now));
  const to = floorTo(LOG_PARTITION_MS, now) + LOG_PARTITION_MS;
  const [first, last] = [floorTo(LOG_PARTITION_MS, range.from), ceilTo(LOG_PARTITION_MS, range.to)];
  return Math.max(0, Math.min(to, last) - Math.max(from, first)) / (to - from);
}

/** Returns the share of the series that conditions on the subject leave, as far as known without a query. */
function selected(query: Query, sizes: StoredSizes): number {
  const [subject, count] =
    query.dataset === 'prices' ? ['token', sizes.subjects.price] : ['protocol', sizes.subjects.tvl];
  const lists = conjuncts(query.where).flatMap((part) =>
    part.kind === 'compare' && part.field === subject && (part.operator === 'in' || part.operator === 'eq')
      ? [part.values.length]
      : [],
  );
  return count === 0 ? 1 : Math.min(1, ...lists.map((length) => length / count));
}
