import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import { Database } from '../../platform/database/database.js';
import type { StoredSizes } from '../core/plan/cost.js';

export interface StoredFacts {
  /** Time from which raw values are kept, Unix ms; older values exist only as aggregates. */
  readonly rawFrom: number;
  readonly sizes: StoredSizes;
}

interface FactsRow {
  raw_from: number;
  tvl_series: number;
  price_series: number;
  tvl_subjects: number;
  protocols: number;
  points: number;
  day_bytes: number;
  hour_bytes: number;
  point_bytes: number;
  raw_hours: number;
  log_rows: number;
  log_from: number;
  positions: number;
  chain_logs: number;
}

/** Time for which the facts are cached, ms; the oldest single values are dropped rarely, and costs are estimates. */
const FACTS_TTL_MS = 30_000;

/** Smallest size of a row of an aggregate and of a single value on a page, including header and pointer, bytes. */
const AGGREGATE_BYTES = 100;
const POINT_BYTES = 56;

/** Reads the sizes of the stored data that planning needs. */
@Injectable()
export class StoredFactsReader {
  /** Facts that were last read. */
  latest: StoredFacts | undefined;
  private facts: Promise<StoredFacts> | undefined;
  private readAt = 0;

  constructor(
    private readonly database: Database,
    private readonly clock: Clock,
  ) {}

  read(): Promise<StoredFacts> {
    const now = this.clock.now();
    if (this.facts === undefined || now - this.readAt > FACTS_TTL_MS) {
      this.readAt = now;
      const facts = this.ask();
      this.facts = facts;
      facts.then(
        (read) => (this.latest = read),
        () => {
          if (this.facts === facts) this.facts = undefined;
        },
      );
    }
    return this.facts;
  }

  async cursorKey(): Promise<string> {
    const row = await this.database.one<{ secret: string }>('SELECT secret FROM query_cursor_key');
    if (row === undefined) throw new Error('The key of query cursors is missing; the database is not migrated.');
    return row.secret;
  }

  private async ask(): Promise<StoredFacts> {
    const row = await this.database.one<FactsRow>(FACTS);
    if (row === undefined) throw new Error('The history has no state row; the database is not migrated.');
    const series = { tvl: row.tvl_series, price: row.price_series };
    const seriesHours = Math.max(1, row.raw_hours) * Math.max(1, series.tvl + series.price);
    return {
      rawFrom: row.raw_from,
      sizes: {
        series,
        subjects: { tvl: row.tvl_subjects, price: row.price_series },
        protocols: row.protocols,
        pointsPerHour: Math.max(1, row.points / seriesHours),
        most: {
          days: row.day_bytes / AGGREGATE_BYTES,
          hours: row.hour_bytes / AGGREGATE_BYTES,
          points: row.point_bytes / POINT_BYTES,
        },
        logRows: row.log_rows,
        stored: { positions: row.positions, chainLogs: row.chain_logs },
        logFrom: row.log_from,
      },
    };
  }
}

/** The facts; row counts come from the planner's statistics if counting would scan a table. */
const FACTS = `
WITH partitions AS (
  SELECT i.inhparent AS parent, greatest(c.reltuples, 0)::float8 AS rows FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid)
SELECT (extract(epoch FROM raw_from) * 1000)::float8 AS raw_from,
  (SELECT count(*) FROM metric_series WHERE metric = 'tvl') AS tvl_series,
  (SELECT count(*) FROM metric_series WHERE metric = 'price') AS price_series,
  (SELECT count(DISTINCT subject) FROM metric_series WHERE metric = 'tvl') AS tvl_subjects,
  (SELECT greatest(reltuples, 0)::float8 FROM pg_class WHERE oid = 'protocols'::regclass) AS protocols,
  (SELECT coalesce(sum(rows), 0) FROM partitions WHERE parent = 'metric_points'::regclass) AS points,
  pg_relation_size('metric_daily')::float8 AS day_bytes,
  pg_relation_size('metric_hourly')::float8 AS hour_bytes,
  (SELECT coalesce(sum(pg_relation_size(inhrelid)), 0)::float8 FROM pg_inherits
   WHERE inhparent = 'metric_points'::regclass) AS point_bytes,
  (extract(epoch FROM now() - raw_from) / 3600)::float8 AS raw_hours,
  (SELECT coalesce(sum(rows), 0) FROM partitions WHERE parent = 'event_log'::regclass) AS log_rows,
  (SELECT coalesce(sum(rows), 0) FROM partitions WHERE parent = 'onchain_logs'::regclass) AS chain_logs,
  (SELECT greatest(reltuples, 0)::float8 FROM pg_class WHERE oid = 'onchain_positions'::regclass) AS positions,
  (extract(epoch FROM coalesce((SELECT logged_at FROM event_log ORDER BY seq LIMIT 1), now())) * 1000)::float8 AS log_from
FROM history_state`;
