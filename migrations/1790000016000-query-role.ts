import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * The server queries as rta_query. Its login is granted rta_app and need not have a further role; the superuser of a trial
 * database may become any role, so that the grant was not missed there.
 */
const up = `
DO $$
BEGIN
  IF NOT pg_has_role('rta_app', 'rta_query', 'MEMBER') THEN GRANT rta_query TO rta_app; END IF;
EXCEPTION WHEN unique_violation OR internal_error THEN -- "tuple concurrently updated": somebody else grants it
  NULL;
END $$;
`;

export class QueryRole1790000016000 implements MigrationInterface {
  readonly name = 'QueryRole1790000016000';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(up);
  }

  /** Keeps the grant: roles belong to the whole cluster, and other databases there may need it. */
  async down(): Promise<void> {}
}
