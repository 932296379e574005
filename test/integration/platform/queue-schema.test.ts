import { LATEST_SCHEMA_VERSION } from 'bullmq';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../../support/servers/test-database.js';

describe('the BullMQ schema', () => {
  let db: TestDatabase;

  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());

  it('has the version that the installed BullMQ expects', async () => {
    const { rows } = await db.pool.query('SELECT max(version) AS version FROM bullmq.migration');
    expect(rows).toEqual([{ version: LATEST_SCHEMA_VERSION }]);
  });

  it('is accessible to the application role only', async () => {
    const { rows } = await db.pool.query(`
      SELECT role, has_schema_privilege(role, 'bullmq', 'USAGE') AS "inside",
        has_table_privilege(role, 'bullmq.job', 'SELECT') AS "reads",
        has_table_privilege(role, 'bullmq.migration', 'UPDATE') AS "migrates",
        (SELECT bool_or(has_function_privilege(role, oid, 'EXECUTE')) FROM pg_proc
          WHERE pronamespace = 'bullmq'::regnamespace) AS "calls"
      FROM unnest(ARRAY['rta_app', 'rta_writer', 'rta_reader']) AS role ORDER BY role`);
    const nothing = { inside: false, reads: false, migrates: false, calls: false };
    expect(rows).toEqual([
      { role: 'rta_app', inside: true, reads: true, migrates: false, calls: true },
      { role: 'rta_reader', ...nothing },
      { role: 'rta_writer', ...nothing },
    ]);
  });
});
