import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * A row that was removed and inserted again within one hour did not exist in between. While the points of that hour are
 * kept, only they show when the row returned. The hour's aggregate opens before the removal, so the previous view showed no
 * gap.
 */
const view = (hourCounts: string) => `
CREATE OR REPLACE VIEW history_gaps AS
  SELECT e.series_id, e.at AS since, back.at AS until
  FROM (
    SELECT series_id, at FROM history_ends
    UNION ALL
    SELECT s.id, l.logged_at FROM event_log l
    JOIN metric_series s ON s.metric = CASE l.type WHEN 'tvl_removed' THEN 'tvl' ELSE 'price' END
      AND s.subject = coalesce(l.protocol, l.token) AND s.chain = CASE l.type WHEN 'tvl_removed' THEN l.chain ELSE '' END
    WHERE l.seq > coalesce((SELECT r.seq FROM log_readers r WHERE r.name = 'history'), 0)
      AND l.type IN ('tvl_removed', 'price_removed')
  ) e
  LEFT JOIN LATERAL (
    SELECT v.at FROM (
      (SELECT p.at FROM metric_points p WHERE p.series_id = e.series_id AND p.at > e.at ORDER BY p.at LIMIT 1)
      UNION ALL
      (SELECT greatest(h.opened_at, e.at) FROM metric_hourly h
       WHERE h.series_id = e.series_id AND h.bucket > e.at - interval '1 hour' AND h.closed_at > e.at${hourCounts}
       ORDER BY h.bucket LIMIT 1)
    ) v ORDER BY v.at LIMIT 1
  ) back ON true;
`;

export class GapsWithinHours1790000023000 implements MigrationInterface {
  readonly name = 'GapsWithinHours1790000023000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      view(`
         AND (h.opened_at > e.at OR e.at < (SELECT raw_from FROM history_state))`),
    );
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(view(''));
  }
}
