import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { migrateDatabase } from '../../../src/platform/database/migrate-database.js';
import { startTestCluster, TEMPLATE, type TestCluster } from '../servers/test-cluster.js';

declare module 'vitest' {
  export interface ProvidedContext {
    /** Address of the cluster's maintenance database. */
    clusterUrl: string;
  }
}

type Version = '15' | '18';

/** Suites that run concurrently on one PostgreSQL version share a cluster; the last one stops it. */
interface Shared {
  cluster: Promise<TestCluster>;
  users: number;
}
const globals = globalThis as { testClusters?: Map<Version, Shared> };

/**
 * Starts the cluster of a suite: `postgres-15` uses Debian's PostgreSQL 15, the others use the embedded 18, or 15 with
 * `TEST_POSTGRES=15`.
 */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const version = project.name === 'postgres-15' || process.env['TEST_POSTGRES'] === '15' ? '15' : '18';
  const clusters = (globals.testClusters ??= new Map());
  const shared = clusters.get(version) ?? { cluster: migratedCluster(version), users: 0 };
  clusters.set(version, shared);
  shared.users += 1;
  const cluster = await shared.cluster;
  project.provide('clusterUrl', cluster.address('postgres'));
  return async () => {
    shared.users -= 1;
    if (shared.users > 0) return;
    clusters.delete(version);
    await cluster.stop();
  };
}

async function migratedCluster(version: Version): Promise<TestCluster> {
  const cluster = await startTestCluster(version);
  const client = new pg.Client({ connectionString: cluster.address('postgres') });
  await client.connect();
  await client.query(`CREATE DATABASE ${TEMPLATE}`);
  await client.end();
  await migrateDatabase(cluster.address(TEMPLATE));
  return cluster;
}
