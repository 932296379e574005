import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Adds the notices for operators, each until it is sent to its target or given up. */
export class OperatorNotices1790000033000 implements MigrationInterface {
  readonly name = 'OperatorNotices1790000033000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE operator_notices (
  id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  target text NOT NULL CHECK (length(target) <= 2000),
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  tries integer NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE operator_notices IS 'Alarms to be sent to the addresses of OPERATOR_TARGETS; deleted once sent.';
GRANT SELECT, INSERT, UPDATE, DELETE ON operator_notices TO rta_app;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE operator_notices');
  }
}
