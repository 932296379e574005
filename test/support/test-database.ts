import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { inject } from 'vitest';
import { valueTypes } from '../../src/platform/database/connection-options.js';
import { TEMPLATE } from './test-cluster.js';

export interface TestDatabase {
  /** Address as the superuser that owns the schema. */
  readonly url: string;
  /** Connections as that superuser. */
  readonly pool: pg.Pool;
  /** Ends the pool and removes the database, whoever else is still connected. */
  drop(): Promise<void>;
}

/** A database of its own: a copy of the migrated template, or an empty one. About 25 ms. */
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

/**
 * Connections that may be cut at any moment, by a fault or by the end of a cluster: what was asked on them fails, what is
 * idle ends without a word.
 */
export function openTestPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 10, types: valueTypes });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}

/** Runs one statement on the cluster, outside any test database. */
async function administer(sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject('clusterUrl') });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}
