import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { HistoryPoint } from '../core/index.js';
import { LogTail, type AsOf } from './log-tail.js';

/** Number of newest points of a series in which the value before its newest is searched. */
const NEWEST = 50;

interface PointRow {
  metric: 'tvl' | 'price';
  subject: string;
  chain: string;
  value: number;
  at: number;
  seq: number;
  volume24h: number | null;
  marketCap: number | null;
  /** Time of publication; null: the row is no longer in the log. */
  loggedAt: number | null;
  category: string | null;
  tags: string[];
}

/** Published values as of an evaluator's position, excluding later ones. */
@Injectable()
export class HistoryLoader {
  constructor(
    private readonly database: Database,
    private readonly tail: LogTail,
  ) {}

  /**
   * Returns the last two published values of every key, in log order. They are created as the caller iterates, because
   * there are very many.
   */
  async latest(asOf: AsOf): Promise<Iterable<HistoryPoint>> {
    const written = await this.tail.written(asOf);
    const rows: PointRow[] = [];
    for await (const page of this.database.pages<PointRow>(LATEST, [asOf.seq])) rows.push(...page);
    // Rows written in the meantime are excluded: a newest value that is read twice would also count as the previous
    // value.
    const unwritten = await this.tail.points(Math.max(written, rows.at(-1)?.seq ?? 0), asOf);
    return pointsOf(rows, unwritten);
  }
}

function* pointsOf(rows: readonly PointRow[], unwritten: readonly HistoryPoint[]): Iterable<HistoryPoint> {
  for (const row of rows) yield pointOf(row);
  yield* unwritten;
}

function pointOf({
  metric,
  subject,
  chain,
  value,
  at,
  loggedAt,
  volume24h,
  marketCap,
  ...row
}: PointRow): HistoryPoint {
  const { category, tags } = row;
  return metric === 'tvl'
    ? { metric, protocol: subject, chain, token: null, value, at, loggedAt, category, tags }
    : { metric, protocol: null, chain: null, token: subject, volume24h, marketCap, value, at, loggedAt, tags };
}

const millis = (column: string): string => `(extract(epoch FROM ${column}) * 1000)::float8`;

// In log order, which may differ from the order of observation: two values may have the same millisecond, or one may
// arrive late. `published_values` has the newest value of a key, unless the key was published again after the position:
// then all of its points are searched. Hourly samples (seq 0) were never published. Volumes and market caps are not
// stored as points.
const LATEST = `
SELECT s.metric, s.subject, s.chain, p.value, ${millis('p.at')} AS at, p.seq::float8 AS seq,
       CASE p.seq WHEN v.seq THEN v.volume_24h ELSE e.volume_24h END AS "volume24h",
       CASE p.seq WHEN v.seq THEN v.market_cap ELSE e.market_cap END AS "marketCap",
       ${millis('e.logged_at')} AS "loggedAt", o.category, coalesce(v.tags, '{}') AS tags
FROM metric_series s LEFT JOIN published_values v USING (metric, subject, chain)
LEFT JOIN protocols o ON s.metric = 'tvl' AND o.slug = s.subject
CROSS JOIN LATERAL (
  (SELECT value, at, seq FROM (
    SELECT value, at, seq FROM metric_points
    WHERE series_id = s.id AND seq > 0 AND seq <= $1 ORDER BY at DESC, seq DESC
    LIMIT CASE WHEN v.seq <= $1 THEN ${NEWEST} END
  ) newest)
  UNION SELECT v.value, v.observed_at, v.seq WHERE v.seq <= $1
  ORDER BY seq DESC LIMIT 2
) p
LEFT JOIN LATERAL (
  SELECT l.volume_24h, l.market_cap, l.logged_at FROM event_log l WHERE l.seq = p.seq LIMIT 1
) e ON true
ORDER BY p.seq`;
