import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serverPort } from './server-port.js';
import { embeddedBinaries, type PostgresBinaries } from '../../../src/platform/database/embedded/postgres-binaries.js';
import { createCluster, SUPERUSER } from '../../../src/platform/database/embedded/postgres-cluster.js';
import { PostgresServer } from '../../../src/platform/database/embedded/postgres-server.js';
import { chooseAccount, handOver } from '../../../src/platform/database/embedded/server-account.js';

/** Migrated database from which every test database is copied. */
export const TEMPLATE = 'template_defi';

const DEBIAN_15 = '/usr/lib/postgresql/15/bin';
const PASSWORD = 'test';

/** Fast but not durable: a test database need not survive a power failure. */
const PARAMETERS = {
  fsync: 'off',
  full_page_writes: 'off',
  max_connections: '300',
  shared_buffers: '256MB',
  max_wal_size: '4GB',
  autovacuum_naptime: '10s',
  jit: 'off',
  track_functions: 'pl',
  // Used only when a test restores a backup: the archive has no further files.
  restore_command: 'false',
  TimeZone: 'UTC',
};

/** Connections without a check of passwords, which costs 10 ms of processor time each: the tests make thousands. */
const TRUSTED = 'host all all 127.0.0.1/32 trust\nhost replication all 127.0.0.1/32 trust\n';

/** Reason why tests against PostgreSQL 15 cannot run here; undefined if they can. */
export const NO_POSTGRES_15 = existsSync(join(DEBIAN_15, 'postgres'))
  ? undefined
  : 'PostgreSQL 15 is not installed: apt-get install postgresql-15';

export interface TestCluster {
  /** Returns the address of a database of the cluster, as its superuser. */
  address(database: string): string;
  /** Stops the server like an operator; `begin` restarts it on the same port with all committed data. */
  end(): Promise<void>;
  begin(): Promise<void>;
  /** Makes a physical copy of all files, like a backup; the server must be stopped. */
  copyFiles(): void;
  /**
   * Restores that copy; the server must be stopped. `newTimeline`: as after a recovery from an archive, which starts a
   * new timeline.
   */
  restoreFiles(options: { newTimeline: boolean }): void;
  /** Stops the server and removes its files. */
  stop(): Promise<void>;
}

/** Starts a separate cluster for tests; it ends with this process at the latest. */
export async function startTestCluster(version: '18' | '15' = '18'): Promise<TestCluster> {
  if (version === '15' && NO_POSTGRES_15) throw new Error(NO_POSTGRES_15);
  const home = mkdtempSync(join(tmpdir(), 'defi-test-'));
  const binaries: PostgresBinaries =
    version === '15'
      ? { initdb: join(DEBIAN_15, 'initdb'), postgres: join(DEBIAN_15, 'postgres') }
      : await embeddedBinaries();
  const cluster = { binaries, directory: join(home, 'postgres'), account: chooseAccount(binaries.postgres, home) };
  await createCluster(cluster, PASSWORD);
  const access = join(cluster.directory, 'pg_hba.conf');
  writeFileSync(access, TRUSTED);
  handOver(cluster.account, access);
  const port = await serverPort();
  const options = { port, socketDirectory: '', logFile: join(home, 'postgres.log'), parameters: PARAMETERS };
  const copy = join(home, 'copy');
  let server = await PostgresServer.start(cluster, options);
  return {
    address: (database) => `postgresql://${SUPERUSER}:${PASSWORD}@127.0.0.1:${port}/${database}`,
    end: () => server.stop(),
    begin: async () => {
      server = await PostgresServer.start(cluster, options);
    },
    copyFiles: () => replaceFiles(cluster.directory, copy),
    restoreFiles: ({ newTimeline }) => {
      replaceFiles(copy, cluster.directory);
      if (!newTimeline) return;
      const signal = join(cluster.directory, 'recovery.signal');
      writeFileSync(signal, '');
      handOver(cluster.account, signal);
    },
    stop: async () => {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

/** Copies with owners, modes and times, which the server requires. */
function replaceFiles(from: string, to: string): void {
  rmSync(to, { recursive: true, force: true });
  execFileSync('cp', ['-a', from, to]);
}
