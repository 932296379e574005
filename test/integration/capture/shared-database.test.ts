import { expect, it } from 'vitest';
import { migrateDatabase } from '../../../src/platform/database/migrate-database.js';
import { createTestDatabase } from '../../support/servers/test-database.js';

it('migrations revoke PUBLIC from functions of the product, but not from other functions in the database', async () => {
  const db = await createTestDatabase({ empty: true });
  try {
    await db.pool.query(`CREATE FUNCTION of_others() RETURNS integer LANGUAGE sql AS 'SELECT 1'`);
    await migrateDatabase(db.url);
    const { rows } = await db.pool.query(
      `SELECT proname FROM pg_proc p, aclexplode(coalesce(proacl, acldefault('f', proowner))) acl
       WHERE pronamespace = 'public'::regnamespace AND acl.grantee = 0 AND prorettype <> 'trigger'::regtype`,
    );
    expect(rows).toEqual([{ proname: 'of_others' }]);
  } finally {
    await db.drop();
  }
});
