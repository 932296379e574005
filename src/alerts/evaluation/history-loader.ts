import { Injectable } from '@nestjs/common';
import { EventLog, type LogEvent } from '../../events/index.js';
import { Database } from '../../platform/database/database.js';
import { observedTime, type HistoryNeed, type HistoryPoint } from '../core/index.js';

/** The moment that history is read for: a position of the log and the time of its row, Unix ms. */
export interface AsOf {
  seq: number;
  at: number;
}

/** Reader of the log that writes history; what it has not written yet is read from the log. */
const HISTORY_READER = 'history';
const LOG_PAGE = 5_000;
/** Series of one query: few enough that their points are read within some 10 ms. */
const SERIES_PAGE = 50;
/** Points of a series among which the value before its newest is looked for. */
const NEWEST = 50;

interface PointRow {
  metric: 'tvl' | 'price';
  subject: string;
  chain: string;
  value: number;
  at: number;
  volume24h?: number | null;
  marketCap?: number | null;
}

/** Published values from before an evaluator's position, and none from behind it. */
@Injectable()
export class HistoryLoader {
  constructor(
    private readonly database: Database,
    private readonly log: EventLog,
  ) {}

  /** The last two published values of every key, in the order of the log. */
  async latest(asOf: AsOf): Promise<HistoryPoint[]> {
    const written = await this.written(asOf);
    const rows = await this.database.query<PointRow & { seq: number }>(LATEST, [asOf.seq]);
    // Read twice, a key's newest value would also be the one before it.
    const unwritten = await this.unwritten(Math.max(written, rows.at(-1)?.seq ?? 0), asOf);
    return [...rows.map(pointOf), ...unwritten];
  }

  /** The values that these windows look back on, in parts of some thousand. */
  async *windows(needs: readonly HistoryNeed[], asOf: AsOf): AsyncGenerator<HistoryPoint[]> {
    if (needs.length === 0) return;
    const written = await this.written(asOf);
    for (const need of needs) {
      const series = await this.database.query<{ id: number }>(SERIES, [
        need.metric,
        need.metric === 'tvl' ? need.protocol : need.token,
        need.metric === 'tvl' ? need.chain : null,
      ]);
      for (let from = 0; from < series.length; from += SERIES_PAGE) {
        const ids = series.slice(from, from + SERIES_PAGE).map(({ id }) => id);
        const rows = await this.database.query<PointRow>(POINTS, [
          ids,
          asOf.at - need.seconds * 1000,
          asOf.at,
          asOf.seq,
        ]);
        yield rows.map(pointOf);
      }
    }
    yield this.unwritten(written, asOf);
  }

  /** How far history is written. Asked before history is read: what is written in between is then read twice, not never. */
  private async written(asOf: AsOf): Promise<number> {
    const reader = await this.database.one<{ seq: number }>(
      'SELECT seq::float8 AS seq FROM log_readers WHERE name = $1',
      [HISTORY_READER],
    );
    return reader?.seq ?? asOf.seq;
  }

  /** What the log has behind the written history, up to the position. */
  private async unwritten(written: number, asOf: AsOf): Promise<HistoryPoint[]> {
    const points: HistoryPoint[] = [];
    let position = written;
    while (position < asOf.seq) {
      const rows = await this.log.read(position, LOG_PAGE, { upTo: asOf.seq });
      points.push(...rows.flatMap(publishedPoint));
      position = rows.length < LOG_PAGE ? asOf.seq : (rows.at(-1)?.seq ?? asOf.seq);
    }
    return points;
  }
}

function pointOf({ metric, subject, chain, value, at, volume24h, marketCap }: PointRow): HistoryPoint {
  const key =
    metric === 'tvl'
      ? { protocol: subject, chain, token: null }
      : { protocol: null, chain: null, token: subject, volume24h: volume24h ?? null, marketCap: marketCap ?? null };
  return { metric, ...key, value, at };
}

function publishedPoint(event: LogEvent): HistoryPoint[] {
  const { type, protocol, chain, token, current: value, volume24h, marketCap } = event;
  if (value === null) return [];
  const at = observedTime(event);
  if (type === 'tvl_change' || type === 'tvl_baseline')
    return [{ metric: 'tvl', protocol, chain, token: null, value, at }];
  if (type !== 'price_change' && type !== 'price_baseline') return [];
  return [{ metric: 'price', protocol: null, chain: null, token, value, at, volume24h, marketCap }];
}

const time = (parameter: string): string => `to_timestamp(${parameter}::float8 / 1000)`;
const millis = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

// In the order of the log, which the times of observation need not follow: two values may share a millisecond, one may
// come late. `published_values` has the newest of a key, unless it was published again behind the position: then all of
// its points are looked through. Hourly samples (0) were never published. Volumes and market caps are no points.
const LATEST = `
SELECT s.metric, s.subject, s.chain, p.value, ${millis('p.at')} AS at, p.seq::float8 AS seq,
       CASE p.seq WHEN v.seq THEN v.volume_24h ELSE e.volume_24h END AS "volume24h",
       CASE p.seq WHEN v.seq THEN v.market_cap ELSE e.market_cap END AS "marketCap"
FROM metric_series s LEFT JOIN published_values v USING (metric, subject, chain)
CROSS JOIN LATERAL (
  SELECT value, at, seq FROM (
    SELECT value, at, seq FROM metric_points
    WHERE series_id = s.id AND seq <= $1 ORDER BY at DESC, seq DESC LIMIT CASE WHEN v.seq <= $1 THEN ${NEWEST} END
  ) newest
  WHERE seq > 0
  UNION SELECT v.value, v.observed_at, v.seq WHERE v.seq <= $1
  ORDER BY seq DESC LIMIT 2
) p
LEFT JOIN LATERAL (
  SELECT l.volume_24h, l.market_cap FROM event_log l
  WHERE l.seq = p.seq AND s.metric = 'price' AND p.seq IS DISTINCT FROM v.seq LIMIT 1
) e ON true
ORDER BY p.seq`;

const SERIES = `
SELECT id FROM metric_series
WHERE metric = $1 AND ($2::text IS NULL OR subject = $2) AND ($3::text IS NULL OR chain = $3) ORDER BY id`;

// From the last point at or before the start; where raw points are gone, the closes of complete hours.
const POINTS = `
SELECT s.metric, s.subject, s.chain, p.value, ${millis('p.at')} AS at
FROM metric_series s CROSS JOIN LATERAL (
  SELECT value, at, seq FROM metric_points
  WHERE series_id = s.id AND at <= ${time('$3')} AND seq <= $4 AND at >= coalesce(
    (SELECT max(at) FROM metric_points WHERE series_id = s.id AND at < ${time('$2')}), ${time('$2')})
  UNION ALL
  SELECT close, closed_at, 0 FROM metric_hourly
  WHERE series_id = s.id AND bucket >= ${time('$2')} - interval '1 hour'
    AND closed_at < (SELECT raw_from FROM history_state)
) p
WHERE s.id = ANY ($1::int[]) ORDER BY s.id, p.at, p.seq`;
