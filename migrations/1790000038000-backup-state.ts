import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Adds the last success of backups, from which the metrics of their ages are made. */
export class BackupState1790000038000 implements MigrationInterface {
  readonly name = 'BackupState1790000038000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE TABLE backup_state (
  kind text PRIMARY KEY CHECK (kind IN ('base', 'wal')),
  reached timestamptz NOT NULL,
  bytes bigint NOT NULL CHECK (bytes >= 0)
);
COMMENT ON TABLE backup_state IS 'Last success of base backups and of the archive of the write-ahead log; no row: none yet.';
COMMENT ON COLUMN backup_state.reached IS 'Time up to which everything is stored.';
COMMENT ON COLUMN backup_state.bytes IS 'Size of the copied files; 0 for the log.';
GRANT SELECT, INSERT, UPDATE ON backup_state TO rta_app;`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query('DROP TABLE backup_state');
  }
}
