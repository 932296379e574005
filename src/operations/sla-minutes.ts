import type { Database } from '../platform/database/database.js';
import { SLA, slaReport, wholeMinutes, type MeasuredMonth, type SlaReport } from './core/sla.js';

/** Measurements of one probe in one minute. */
export interface SlaMinute {
  /** Any time of the minute, Unix ms. */
  readonly at: number;
  /** Name of the probe, 1 to 64 characters. */
  readonly probe: string;
  /** 95th percentile from commit to client, ms; null: nothing arrived. */
  readonly p95Ms: number | null;
  /** Number of measured changes. */
  readonly samples: number;
  readonly failedConnects: number;
}

/** Stores a minute; a later call for the same minute and probe replaces it. */
export async function recordSlaMinute(database: Database, minute: SlaMinute): Promise<void> {
  await database.query(RECORD, [minute.at, minute.probe, minute.p95Ms, minute.samples, minute.failedConnects]);
}

const RECORD = `INSERT INTO sla_minutes (minute, probe, p95_ms, samples, failed_connects)
  VALUES (to_timestamp(floor($1 / 60000.0) * 60), $2, $3, $4, $5)
  ON CONFLICT (minute, probe) DO UPDATE
    SET p95_ms = excluded.p95_ms, samples = excluded.samples, failed_connects = excluded.failed_connects`;

/** Counts the good and bad minutes of a range of Unix ms. With several probes a minute is good if it was good for all of them. */
export async function readSlaReport(database: Database, from: number, to: number): Promise<SlaReport> {
  const range = wholeMinutes(from, to);
  const bounds = [new Date(range.from), new Date(range.to), SLA.maxP95Ms];
  const measured = await database.query<MeasuredMonth & Record<string, unknown>>(READ, bounds);
  return slaReport(range.from, range.to, measured);
}

const READ = `SELECT to_char(minute AT TIME ZONE 'UTC', 'YYYY-MM') AS month,
    count(*) FILTER (WHERE NOT failed AND NOT slow) AS good, count(*) FILTER (WHERE failed) AS failed,
    count(*) FILTER (WHERE slow AND NOT failed) AS slow
  FROM (SELECT minute, bool_or(failed_connects > 0) AS failed, bool_or(coalesce(p95_ms >= $3, true)) AS slow
    FROM sla_minutes WHERE minute >= $1 AND minute < $2 GROUP BY minute) AS minutes
  GROUP BY 1`;
