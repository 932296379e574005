import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Ends of series: the last value of a series is not used after the removal of its row, until its next value.
 *
 * Only the last end per series and hour is stored, so a client that deletes and inserts a row in a loop creates no more ends
 * than there are hours. The reader "history" writes the ends; the view adds those that so far only the log contains. Rows
 * deleted before this migration count as ended an hour after their last sample.
 */
const up = `
CREATE TABLE history_ends (
  series_id integer NOT NULL,
  hour timestamptz NOT NULL,
  at timestamptz NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (series_id, hour)
);
COMMENT ON TABLE history_ends IS 'When the owner of the tables removed the row of a series, by the event (seq) that says so.';

INSERT INTO history_ends (series_id, hour, at, seq)
SELECT s.id, date_trunc('hour', last.at, 'UTC'), last.at, 0
FROM retired_references r JOIN metric_series s USING (metric, subject, chain)
CROSS JOIN LATERAL (
  SELECT h.closed_at + interval '1 hour' AS at FROM metric_hourly h WHERE h.series_id = s.id ORDER BY h.bucket DESC LIMIT 1
) last
WHERE r.gone;

CREATE VIEW history_gaps AS
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
       WHERE h.series_id = e.series_id AND h.bucket > e.at - interval '1 hour' AND h.closed_at > e.at
       ORDER BY h.bucket LIMIT 1)
    ) v ORDER BY v.at LIMIT 1
  ) back ON true;
COMMENT ON VIEW history_gaps IS 'Times without a row, by series: since its removal until its next value; until is null while it is gone.';

GRANT SELECT, INSERT, UPDATE, DELETE ON history_ends TO rta_app;
GRANT SELECT ON history_gaps TO rta_app, rta_query;
`;

const down = `
DROP VIEW history_gaps;
DROP TABLE history_ends;
`;

export class HistoryGaps1790000020000 implements MigrationInterface {
  readonly name = 'HistoryGaps1790000020000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(down);
  }
}
