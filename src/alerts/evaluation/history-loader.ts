import { Injectable } from '@nestjs/common';
import { EventLog, type LogEvent } from '../../events/index.js';
import { Database } from '../../platform/database/database.js';
import type { HistoryNeed, HistoryPoint } from '../core/index.js';

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

  /** The last two values of every key. */
  async latest(asOf: AsOf): Promise<HistoryPoint[]> {
    const written = await this.written(asOf);
    const rows = await this.database.query<PointRow>(LATEST, [asOf.seq, asOf.at]);
    return [...rows.map(pointOf), ...(await this.unwritten(written, asOf))];
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
  const { type, protocol, chain, token, current: value, observedAt: at, volume24h, marketCap } = event;
  if (value === null) return [];
  if (type === 'tvl_change' || type === 'tvl_baseline')
    return [{ metric: 'tvl', protocol, chain, token: null, value, at }];
  if (type !== 'price_change' && type !== 'price_baseline') return [];
  return [{ metric: 'price', protocol: null, chain: null, token, value, at, volume24h, marketCap }];
}

const time = (parameter: string): string => `to_timestamp(${parameter}::float8 / 1000)`;
const millis = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

// Published values by their number, which tells even of those observed a little ahead; hourly samples by their time.
const BEFORE = `seq <= $1 AND at <= ${time('$2')} + interval '5 minutes' AND (seq > 0 OR at <= ${time('$2')})`;

// A key whose points are gone still has its last value, unless that is from behind the position.
const LATEST = `
SELECT s.metric, s.subject, s.chain, p.value, ${millis('p.at')} AS at, v.volume_24h AS "volume24h",
       v.market_cap AS "marketCap"
FROM metric_series s LEFT JOIN published_values v USING (metric, subject, chain)
CROSS JOIN LATERAL (
  SELECT r.value, r.at FROM (
    SELECT value, at, seq FROM metric_points
    WHERE series_id = s.id AND ${BEFORE} ORDER BY at DESC, seq DESC LIMIT 2
  ) r
  UNION ALL
  SELECT v.value, v.observed_at WHERE v.seq <= $1
    AND NOT EXISTS (SELECT FROM metric_points WHERE series_id = s.id AND ${BEFORE})
) p
ORDER BY s.id, p.at`;

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
