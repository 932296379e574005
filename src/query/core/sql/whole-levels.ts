import { isoTime } from '../../../platform/input/time.js';
import type { LevelPlan } from '../plan/plan.js';
import { behindSql } from './level-pieces.js';
import type { SqlParameters } from './sql-parameters.js';

/**
 * CTEs with the time ranges in which the total that a source gave as chain `all` does not count, because a real chain of its
 * protocol existed: from its first value until its removal. They read the CTEs `recorded`, `newcomers` and `tail`.
 */
export const REAL_SPANS: readonly string[] = [
  `wholes AS MATERIALIZED (
  SELECT s.id, s.protocol FROM (SELECT * FROM recorded UNION ALL SELECT * FROM newcomers) s WHERE s.chain = 'all')`,
  `parts_of_wholes AS MATERIALIZED (
  SELECT w.id, o.id AS chain_id FROM wholes w JOIN metric_series o ON o.metric = 'tvl' AND o.subject = w.protocol
  WHERE is_real_chain(o.chain))`,
  `removals AS MATERIALIZED (
  SELECT x.series_id, x.since, x.until FROM history_gaps x WHERE x.series_id IN (SELECT chain_id FROM parts_of_wholes))`,
  `real_spans AS MATERIALIZED (
  SELECT merged.id, lower(span) AS since, upper(span) AS until FROM (
    SELECT one.id, range_agg(one.existing) AS existing FROM (
      SELECT c.id, tstzmultirange(tstzrange(first.at, NULL)) - coalesce((SELECT range_agg(tstzrange(x.since, x.until))
        FROM removals x WHERE x.series_id = c.chain_id), '{}') AS existing
      FROM parts_of_wholes c CROSS JOIN LATERAL (SELECT min(v.at) AS at FROM (
        (SELECT p.at FROM metric_points p WHERE p.series_id = c.chain_id ORDER BY p.at LIMIT 1)
        UNION ALL (SELECT h.opened_at FROM metric_hourly h WHERE h.series_id = c.chain_id ORDER BY h.bucket LIMIT 1)) v) first
      WHERE first.at IS NOT NULL
      UNION ALL
      SELECT w.id, tstzmultirange(tstzrange(t.at,
        (SELECT min(x.since) FROM removals x WHERE x.series_id = t.series_id AND x.since > t.at)))
      FROM tail t JOIN wholes w ON w.protocol = t.subject WHERE is_real_chain(t.chain)) one
    GROUP BY one.id) merged CROSS JOIN LATERAL unnest(merged.existing) AS span)`,
];

/**
 * Returns the condition under which a total of chain `all` counts. For single values: no real chain existed at its time. For
 * buckets with `showsEnds`, which omit removed series: no real chain existed at the bucket's end. For other buckets: no real
 * chain existed in the bucket, because the bucket includes that chain's values.
 */
export function countsAsTotal(
  plan: LevelPlan,
  { single, showsEnds }: { single: boolean; showsEnds: boolean },
  parameters: SqlParameters,
): string {
  const moment = (at: number): string => parameters.add(isoTime(at), 'timestamptz');
  const unless = (condition: string): string =>
    `NOT EXISTS (SELECT FROM real_spans e WHERE e.id = l.series_id AND ${condition})`;
  if (single) return unless('e.since <= l.bucket AND (e.until IS NULL OR e.until > l.bucket)');
  const end =
    plan.bucket === undefined ? moment(plan.to) : `least(${behindSql(plan.bucket, 'l.bucket')}, ${moment(plan.to)})`;
  const begin = plan.bucket === undefined ? moment(plan.from) : 'l.bucket';
  return unless(`e.since < ${end} AND (e.until IS NULL OR e.until ${showsEnds ? `>= ${end}` : `> ${begin}`})`);
}
