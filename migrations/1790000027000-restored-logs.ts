import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The present place of the log becomes the one of its epoch, so that the epoch is kept. */
const KEEP_EPOCH = 'UPDATE log_head SET timeline = current_timeline();';

/**
 * Makes a log that was restored from a dump begin a new epoch, also in a database of the same server, whose system identifier and
 * timeline do not differ: a restore creates the tables anew, and the number of a table is never used twice. Processes of the
 * previous version call the same functions.
 */
export class RestoredLogs1790000027000 implements MigrationInterface {
  readonly name = 'RestoredLogs1790000027000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE OR REPLACE FUNCTION current_timeline() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) || '/' || 'log_head'::regclass::oid
$$;
${KEEP_EPOCH}
COMMENT ON COLUMN log_head.timeline IS 'Timeline of the server, and number of this table, since this epoch began.';`);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`
CREATE OR REPLACE FUNCTION current_timeline() RETURNS text LANGUAGE sql STABLE AS $$
  SELECT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8)
$$;
${KEEP_EPOCH}
COMMENT ON COLUMN log_head.timeline IS NULL;`);
  }
}
