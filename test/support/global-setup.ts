import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrateDatabase } from '../../src/platform/database/migrate-database.js';
import { startTestCluster, TEMPLATE, type TestCluster } from './test-cluster.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Address of the cluster's maintenance database. */
    clusterUrl: string;
  }
}

/** Suites that run side by side share one cluster; the last one stops it. */
interface Shared {
  cluster: Promise<TestCluster>;
  users: number;
}
const globals = globalThis as { testCluster?: Shared };

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const shared = (globals.testCluster ??= { cluster: migratedCluster(), users: 0 });
  shared.users += 1;
  const cluster = await shared.cluster;
  project.provide('clusterUrl', cluster.address('postgres'));
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    delete globals.testCluster;
    await cluster.stop();
  };
}

/** `TEST_POSTGRES=15` runs everything on Debian's PostgreSQL 15 instead of the embedded one. */
async function migratedCluster(): Promise<TestCluster> {
  const cluster = await startTestCluster(process.env['TEST_POSTGRES'] === '15' ? '15' : '18');
  const client = new pg.Client({ connectionString: cluster.address('postgres') });
  await client.connect();
  await client.query(`CREATE DATABASE ${TEMPLATE}`);
  await client.end();
  await migrateDatabase(cluster.address(TEMPLATE));
  return cluster;
}
