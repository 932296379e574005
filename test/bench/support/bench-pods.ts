import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { startPods, type TestPods } from '../../support/servers/pods.js';
import { startTestCluster } from '../../support/servers/test-cluster.js';
import { openTestPool } from '../../support/servers/test-pool.js';
import type { BenchContext } from './bench-context.js';

const MAIN = join(import.meta.dirname, '../../../dist/src/main.js');

/**
 * Starts three pods behind the shipped nginx, with their own Redis and PostgreSQL (without fsync); they are stopped with
 * the bench.
 */
export async function startBenchPods(context: BenchContext, env: Record<string, string> = {}): Promise<TestPods> {
  if (!existsSync(MAIN)) throw new Error('Build first: npm run build');
  const cluster = await startTestCluster();
  context.atEnd(() => cluster.stop());
  const url = cluster.address('postgres');
  execFileSync(process.execPath, [MAIN, 'migrate'], { env: { ...process.env, DATABASE_URL: url }, stdio: 'ignore' });
  const pool = openTestPool(url);
  const pods = await startPods({ url, pool, drop: () => pool.end() }, env);
  context.atEnd(() => pods.stop());
  const { rows } = await pool.query<{ version: string }>(`SELECT current_setting('server_version') AS version`);
  context.noteVersion('postgresql', rows[0]?.version ?? 'unknown');
  return pods;
}
