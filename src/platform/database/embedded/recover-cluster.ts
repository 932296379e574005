import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { dataDirectory } from '../../settings/data-directory.js';
import { takeDirectory } from './directory-owner.js';
import { freePort } from './free-port.js';
import { embeddedBinaries } from './postgres-binaries.js';
import { clusterVersion, programVersion } from './postgres-cluster.js';
import { PostgresServer } from './postgres-server.js';
import { chooseAccount } from './server-account.js';

/** Longest time to replay the write-ahead log, ms. */
const RECOVERY_TIMEOUT_MS = 4 * 3_600_000;

/**
 * Lets the embedded PostgreSQL replay the log of a restored cluster under `dataDir`, and stops it when it accepts writes. Throws
 * an error with the lines of the server's log if it does not get there.
 */
export async function recoverEmbedded(dataDir: string): Promise<void> {
  const home = dataDirectory(dataDir);
  const release = takeDirectory(home);
  try {
    const binaries = await embeddedBinaries();
    const directory = join(home, 'postgres');
    const account = chooseAccount(binaries.postgres, home);
    if (account.user) execFileSync('chown', ['-R', `${account.user.uid}:${account.user.gid}`, directory]);
    const cluster = { binaries, directory, account };
    const [files, programs] = [clusterVersion(cluster), await programVersion(cluster)];
    if (files !== programs)
      throw new Error(
        `the backup is of PostgreSQL ${files} and this build contains version ${programs}: restore it with a build of that version`,
      );
    const server = await PostgresServer.start(cluster, {
      port: await freePort(),
      socketDirectory: '',
      logFile: join(home, 'postgres.log'),
      // Nobody reads while the log is replayed, so the limits of the copied server need not be known.
      parameters: { hot_standby: 'off', max_wal_size: '2GB', TimeZone: 'UTC', log_timezone: 'UTC' },
      startTimeoutMs: RECOVERY_TIMEOUT_MS,
    });
    await server.stop();
  } finally {
    release();
  }
}
