import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { TEMPLATE } from './test-cluster.js';
import { openTestPool } from './test-pool.js';

export interface TestDatabase {
  /** URL that connects as the superuser who owns the schema. */
  readonly url: string;
  /** Connections as that superuser. */
  readonly pool: pg.Pool;
  /** Ends the pool and drops the database, even if others are still connected. */
  drop(): Promise<void>;
}

/** Creates a separate database: a copy of the migrated template, or an empty one. Takes about 25 ms. */
export async function createTestDatabase(options: { empty?: boolean } = {}): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await administer(`CREATE DATABASE ${name} TEMPLATE ${options.empty ? 'template0' : TEMPLATE}`);
  const address = new URL(inject('clusterUrl'));
  address.pathname = `/${name}`;
  const pool = openTestPool(address.href);
  return {
    url: address.href,
    pool,
    drop: async () => {
      await pool.end();
      await administer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
    },
  };
}

/** Runs one statement on the cluster, outside of test databases. */
async function administer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('clusterUrl') });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
