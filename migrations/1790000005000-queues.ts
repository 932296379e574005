import { runMigrations, type PgQueryable } from 'bullmq';
import type { MigrationInterface, QueryRunner } from 'typeorm';

const SCHEMA = 'bullmq';

/**
 * Adds the tables and functions of the queues, as BullMQ defines them. A later version of BullMQ with further ones needs
 * another migration like this.
 */
export class Queues1790000005000 implements MigrationInterface {
  readonly name = 'Queues1790000005000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`CREATE SCHEMA ${SCHEMA}`);
    await runMigrations(withinTransaction(runner), SCHEMA);
    await runner.query('SET LOCAL search_path TO DEFAULT');
    await runner.query(`
      REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA ${SCHEMA} FROM PUBLIC;
      GRANT USAGE, CREATE ON SCHEMA ${SCHEMA} TO rta_app; -- BullMQ makes a sequence per queue
      GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ${SCHEMA} TO rta_app;
      REVOKE INSERT, UPDATE, DELETE ON ${SCHEMA}.migration FROM rta_app;
      GRANT USAGE ON ALL SEQUENCES IN SCHEMA ${SCHEMA} TO rta_app;
      GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA ${SCHEMA} TO rta_app;
    `);
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.query(`DROP SCHEMA ${SCHEMA} CASCADE`);
  }
}

/**
 * Makes BullMQ's statements part of TypeORM's transaction, so that the schema and the record of its migration are committed
 * together; BullMQ alone would commit by itself.
 */
function withinTransaction(runner: QueryRunner): PgQueryable {
  return {
    query: async (text, values) => {
      if (/^(BEGIN|COMMIT|ROLLBACK)$/.test(text)) return { rows: [] };
      const rows: unknown = await runner.query(text, values === undefined ? undefined : [...values]);
      return { rows: Array.isArray(rows) ? rows : [] };
    },
  };
}
