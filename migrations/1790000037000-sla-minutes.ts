import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Adds what probes measured, a row for each minute and probe, from which the report of good and bad minutes is made. */
export class SlaMinutes1790000037000 implements MigrationInterface {
  readonly name = 'SlaMinutes1790000037000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE sla_minutes (
  minute timestamptz NOT NULL CHECK (date_trunc('minute', minute AT TIME ZONE 'UTC') = minute AT TIME ZONE 'UTC'),
  probe text NOT NULL CHECK (length(probe) BETWEEN 1 AND 64),
  p95_ms double precision CHECK (p95_ms >= 0),
  samples integer NOT NULL CHECK (samples >= 0),
  failed_connects integer NOT NULL CHECK (failed_connects >= 0),
  PRIMARY KEY (minute, probe)
);
COMMENT ON TABLE sla_minutes IS 'What a client measured in a minute; a minute without a row is bad.';
COMMENT ON COLUMN sla_minutes.p95_ms IS '95th percentile from commit to client, ms; null: nothing arrived.';
GRANT SELECT, INSERT, UPDATE, DELETE ON sla_minutes TO rta_app;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE sla_minutes');
  }
}
