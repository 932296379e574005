import { isoTime, parseTime } from '../../../platform/input/time.js';
import type { Bucket, Fill, Query } from '../ast.js';
import { datasetOf } from '../datasets.js';
import { inputFault } from '../../../platform/input/faults.js';
import { QUERY_LIMITS } from '../limits.js';
import { bucketStarts, ceilTo, DAY_MS, floorTo, HOUR_MS } from '../time.js';

/** Source of an answer's data, as shown in `meta.source`. */
type Grain = 'current' | 'log' | 'raw' | 'hourly' | 'daily';

export interface Span {
  readonly from: number;
  readonly to: number;
}

/**
 * Plan for the recorded series of a range: complete days and hours are read from aggregates, the rest from single values.
 */
export interface LevelPlan extends Span {
  readonly metric: 'tvl' | 'price';
  readonly bucket: Bucket | undefined;
  readonly fill: Fill;
  /** Latest start of a bucket that `fill: previous` may fill, Unix milliseconds. */
  readonly carriedUntil: number;
  /** Complete days of the range; they are read from daily rows, except for days that changed since. */
  readonly days: Span | undefined;
  /** Complete hours of the range, read from hourly rows in the same way; the range includes the complete days. */
  readonly hours: Span | undefined;
  /** Whether the range includes times whose single values are no longer kept. */
  readonly isAged: boolean;
}

export interface Plan {
  /** Time of the query, Unix milliseconds. */
  readonly now: number;
  readonly range: Span | undefined;
  /** Plan for recorded series; absent if current rows or log rows are read. */
  readonly levels: LevelPlan | undefined;
  readonly sources: readonly Grain[];
}

interface PlanFacts {
  readonly now: number;
  /** Time from which single values are kept, Unix milliseconds. */
  readonly rawFrom: number;
  /** Range of the first page, which later pages keep. */
  readonly range?: Span | undefined;
}

/** Buckets that need single values. */
const FINE: ReadonlySet<Bucket> = new Set(['5m', '15m']);
/** Buckets that consist of whole days. */
const COARSE: ReadonlySet<Bucket> = new Set(['1d', '1w', '1mo']);

/** Chooses the smallest source that gives exactly the requested answer: current rows, days, hours or single values. */
export function planQuery(query: Query, { now, rawFrom, range }: PlanFacts): Plan {
  const dataset = datasetOf(query.dataset);
  if (query.time === undefined) {
    return { now, range: undefined, levels: undefined, sources: [dataset.timeField === undefined ? 'current' : 'log'] };
  }
  const asked = range ?? rangeOf(query.time, now);
  checkFill(query.time, asked);
  if (dataset.metric === undefined) return { now, range: asked, levels: undefined, sources: ['log'] };
  const { bucket, fill } = query.time;
  const single = query.aggregations.length === 0 && bucket === undefined;
  const fine = single || (bucket !== undefined && FINE.has(bucket));
  if (fine && asked.from < rawFrom) {
    const what = single ? 'Single values' : `Buckets of ${bucket}`;
    const detail = `${what} are available from ${isoTime(rawFrom)}; start there, or use time.bucket 1h or longer.`;
    throw inputFault('limit_exceeded', '/time/from', 'not_kept', detail);
  }
  // An hour whose single values are no longer kept is either complete in the range or omitted. The first hour is included as
  // a whole; the last one is omitted, because it would include values after the end.
  const isAged = asked.from < rawFrom;
  const from = isAged ? floorTo(HOUR_MS, asked.from) : asked.from;
  const to = asked.to < rawFrom ? Math.max(from, floorTo(HOUR_MS, asked.to)) : asked.to;
  const hours = fine ? undefined : whole(HOUR_MS, from, to);
  const days = hours && (bucket === undefined || COARSE.has(bucket)) ? whole(DAY_MS, from, to) : undefined;
  const levels: LevelPlan = { metric: dataset.metric, from, to, bucket, fill, carriedUntil: now, hours, days, isAged };
  return { now, range: asked, levels, sources: sourcesOf(levels) };
}

function checkFill({ bucket, fill }: NonNullable<Query['time']>, { from, to }: Span): void {
  if (bucket === undefined || fill === 'none') return;
  const most = QUERY_LIMITS.filledBuckets;
  if (bucketStarts(bucket, from, to, most + 1).length <= most) return;
  const detail = `At most ${most} buckets are allowed with fill; use a longer time.bucket, a shorter range, or fill none.`;
  throw inputFault('limit_exceeded', '/time', 'too_many_buckets', detail);
}

function rangeOf(time: NonNullable<Query['time']>, now: number): Span {
  const [from, to] = [parseTime(time.from, now) ?? now, parseTime(time.to, now) ?? now];
  if (from < to) return { from, to };
  throw inputFault('invalid_request', '/time', 'empty_range', 'time.from must be before time.to.');
}

function whole(unit: number, from: number, to: number): Span | undefined {
  const span = { from: ceilTo(unit, from), to: floorTo(unit, to) };
  return span.from < span.to ? span : undefined;
}

function sourcesOf({ from, to, hours, days }: LevelPlan): Grain[] {
  const sources: Grain[] = [];
  if (days) sources.push('daily');
  if (hours && !(days && days.from === hours.from && days.to === hours.to)) sources.push('hourly');
  if (!hours || hours.from > from || hours.to < to) sources.push('raw');
  return sources;
}
