import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { sessionUrl } from '../connection-options.js';

/** Name of the role with which the application logs in to the embedded database. */
const LOGIN = 'defi_server';
/** Roles granted to that login, and no others. */
const GRANTED = 'rta_app, rta_worker, rta_writer, rta_reader';

/**
 * Returns the address of a migrated database with a login that owns nothing: an attacker who can run SQL through the
 * application is not the superuser. The login gets a new password at every start; the password is not stored.
 */
export async function serverLogin(ownerUrl: string): Promise<string> {
  const password = randomBytes(24).toString('base64url');
  const client = new pg.Client({ connectionString: sessionUrl(ownerUrl) });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_roles WHERE rolname = $1', [LOGIN]);
    if (rowCount === 0) await client.query(`CREATE ROLE ${LOGIN}`);
    await client.query(
      `ALTER ROLE ${LOGIN} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT
       PASSWORD ${client.escapeLiteral(password)}`,
    );
    await client.query(`GRANT ${GRANTED} TO ${LOGIN}`);
  } finally {
    await client.end();
  }
  const address = new URL(ownerUrl);
  address.username = LOGIN;
  address.password = password;
  return address.href;
}
