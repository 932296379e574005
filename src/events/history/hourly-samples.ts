import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';

/**
 * Writes one point per key and hour with the row's value. So every hour of every key has an aggregate even if nothing was
 * published, and changes inside the dead band show once an hour.
 */
@Injectable()
export class HourlySamples {
  constructor(private readonly database: Database) {}

  /**
   * Samples the hour of `now` (Unix milliseconds) unless a process has already done so. Returns the number of points. In the
   * first minute of the hour, the time of the points is the full hour; later, for example after a stop, it is `now`.
   * Exception: the point of a value that was observed after that time has the time of the observation.
   */
  async take(now: number): Promise<number> {
    const hour = now - (now % 3_600_000);
    const at = now - hour < 60_000 ? hour : now;
    return await this.database.transaction(async (tx) => {
      const claimed = await tx.query(CLAIM_HOUR, [hour]);
      if (claimed.rowCount === 0) return 0;
      await tx.query(ADD_SERIES);
      const { rowCount } = await tx.query(ADD_SAMPLES, [at]);
      return rowCount ?? 0;
    });
  }
}

const CLAIM_HOUR = `
INSERT INTO history_sampled_hours (hour) VALUES (to_timestamp($1::float8 / 1000)) ON CONFLICT DO NOTHING`;

const ROWS = `
SELECT 'tvl' AS metric, protocol AS subject, chain, tvl AS value, observed_at FROM protocol_tvl
UNION ALL SELECT 'price', token, '', price, observed_at FROM token_prices`;

const ADD_SERIES = `
INSERT INTO metric_series (metric, subject, chain)
SELECT metric, subject, chain FROM (${ROWS}) r
WHERE NOT EXISTS (SELECT FROM metric_series s WHERE (s.metric, s.subject, s.chain) = (r.metric, r.subject, r.chain))
ON CONFLICT DO NOTHING`;

const ADD_SAMPLES = `
WITH sampled AS (
  INSERT INTO metric_points (series_id, at, seq, value)
  SELECT s.id, moment.at, 0, r.value
  FROM (${ROWS}) r JOIN metric_series s USING (metric, subject, chain)
  CROSS JOIN LATERAL (SELECT greatest(to_timestamp($1::float8 / 1000),
    date_trunc('milliseconds', r.observed_at + interval '500 microseconds')) AS at) moment
  WHERE NOT EXISTS (SELECT FROM metric_points p WHERE p.series_id = s.id AND p.at = moment.at)
  ON CONFLICT (series_id, at, seq) DO NOTHING
  RETURNING series_id, at
)
INSERT INTO history_dirty (series_id, bucket) SELECT series_id, date_trunc('hour', at, 'UTC') FROM sampled`;
