import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * Lets the server run queries as rta_query. The server's login only needs to be a member of rta_app. With the superuser of a
 * test database, which may become any role, the missing grant was not noticed.
 */
const up = `
DO $$
BEGIN
  IF NOT pg_has_role('rta_app', 'rta_query', 'MEMBER') THEN GRANT rta_query TO rta_app; END IF;
EXCEPTION WHEN unique_violation OR internal_error THEN -- "tuple concurrently updated": another session grants it
  NULL;
END $$;
`;

export class QueryRole1790000016000 implements MigrationInterface {
  readonly name = 'QueryRole1790000016000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  /** Does nothing: roles belong to the whole cluster, and other databases in it may need the grant. */
  async down(): Promise<void> {}
}
