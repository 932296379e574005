import pg from 'pg';
import { valueTypes } from '../../../src/platform/database/connection-options.js';

/**
 * Opens connections that may be cut at any moment, by a fault or by the end of a cluster: running queries then fail, and
 * idle connections end without an error.
 */
export function openTestPool(url: string): pg.Pool {
  const pool = new pg.Pool({ connectionString: url, max: 10, types: valueTypes });
  pool.on('error', () => undefined);
  pool.on('connect', (client) => client.on('error', () => undefined));
  return pool;
}
