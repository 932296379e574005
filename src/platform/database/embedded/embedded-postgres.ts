import { randomBytes } from 'node:crypto';
import { chmodSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { dataDirectory } from '../../settings/data-directory.js';
import { sessionUrl } from '../connection-options.js';
import { takeDirectory } from './directory-owner.js';
import { freePort } from './free-port.js';
import { GuardedServer } from './guarded-server.js';
import { stopOrphan } from './orphan-server.js';
import { embeddedBinaries } from './postgres-binaries.js';
import {
  clusterExists,
  clusterVersion,
  createCluster,
  programVersion,
  resetPassword,
  SUPERUSER,
  type PostgresCluster,
} from './postgres-cluster.js';
import type { ServerOptions } from './postgres-server.js';
import { chooseAccount } from './server-account.js';
import { sharedBuffers } from './shared-buffers.js';

const DATABASE = 'defi';
/** Longest path of a directory for a Unix socket that every system accepts, without the socket's own name, bytes. */
const SOCKET_DIRECTORY_BYTES = 80;
const LOG_LIMIT_BYTES = 10_000_000;

/**
 * Parameters for a machine shared with the application, for durable commits, and for tables whose rows change often (queues,
 * current values).
 */
const PARAMETERS: Readonly<Record<string, string>> = {
  // Counts the time of the capture triggers, for the metrics.
  track_functions: 'pl',
  shared_buffers: sharedBuffers(),
  max_connections: '100',
  synchronous_commit: 'on',
  wal_compression: 'on',
  max_wal_size: '2GB',
  // Log that is kept for an archive that is not available; more would fill the disk.
  max_slot_wal_keep_size: '10GB',
  checkpoint_timeout: '15min',
  autovacuum_naptime: '10s',
  random_page_cost: '1.1',
  jit: 'off',
  TimeZone: 'UTC',
  log_timezone: 'UTC',
  log_checkpoints: 'off',
  log_line_prefix: '%m [%p] ',
};

/** PostgreSQL server started by this process. */
interface EmbeddedPostgres {
  readonly url: string;
  stop(): Promise<void>;
}

/**
 * Starts PostgreSQL under `dataDir`, creates the database if it does not exist, and writes its address to `database.url`.
 * First stops a server whose owner process was killed. A server that dies while this process lives is started again; if that
 * fails, `onFailure` is called. Throws an error for the operator if another living process uses the directory.
 */
export async function startEmbeddedPostgres(
  dataDir: string,
  onFailure: (error: Error) => void = () => undefined,
): Promise<EmbeddedPostgres> {
  const home = dataDirectory(dataDir);
  const release = takeDirectory(home);
  try {
    const cluster = await prepareCluster(home);
    const guarded = new GuardedServer(cluster, await serverOptions(home, cluster), onFailure);
    await guarded.start();
    const url = address(guarded.port, readAddress(home)?.password ?? '');
    await createDatabase(url);
    writeSecret(join(home, 'database.url'), `${url}\n`);
    return { url, stop: () => guarded.stop().finally(release) };
  } catch (error) {
    release();
    throw error;
  }
}

/** Creates the cluster of the directory, or takes over the cluster of a killed process, whose server is stopped. */
async function prepareCluster(home: string): Promise<PostgresCluster> {
  const binaries = await embeddedBinaries();
  const directory = join(home, 'postgres');
  // Other accounts may enter the directory but not list it: the account that runs the server may have to pass through.
  close(home, 0o711);
  const account = chooseAccount(binaries.postgres, home);
  if (!account.user) close(home, 0o700);
  const cluster = { binaries, directory, account };
  if (!clusterExists(cluster)) {
    const password = newPassword();
    await createCluster(cluster, password);
    writeSecret(join(home, 'database.url'), address(0, password));
    return cluster;
  }
  // Copied or restored directories are often readable by other accounts; the server refuses to start on them.
  chmodSync(directory, 0o700);
  await stopOrphan(directory);
  const [files, programs] = [clusterVersion(cluster), await programVersion(cluster)];
  if (files !== programs) {
    throw new Error(
      `${directory} was written by PostgreSQL ${files} and this build contains version ${programs}: dump it with the old build ` +
        'and load it with this one, or start with a new DATA_DIR.',
    );
  }
  if (readAddress(home) === undefined) {
    const password = newPassword();
    await resetPassword(cluster, password);
    writeSecret(join(home, 'database.url'), address(0, password));
  }
  return cluster;
}

async function serverOptions(home: string, cluster: PostgresCluster): Promise<ServerOptions> {
  const logFile = join(home, 'postgres.log');
  if ((statSync(logFile, { throwIfNoEntry: false })?.size ?? 0) > LOG_LIMIT_BYTES) renameSync(logFile, `${logFile}.1`);
  return {
    port: await freePort(Number(readAddress(home)?.port ?? 0)),
    // A server under another account can write only to its own directory, which clients cannot enter: it has no socket.
    socketDirectory: Buffer.byteLength(home) <= SOCKET_DIRECTORY_BYTES && !cluster.account.user ? home : '',
    logFile,
    parameters: PARAMETERS,
  };
}

async function createDatabase(url: string): Promise<void> {
  const maintenance = new URL(url);
  maintenance.pathname = '/postgres';
  const client = new pg.Client({ connectionString: sessionUrl(maintenance.href) });
  await client.connect();
  try {
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [DATABASE]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE}`);
  } finally {
    await client.end();
  }
}

/** Sets the permissions of the directory; those of a directory that belongs to another account stay as they are. */
function close(home: string, mode: number): void {
  try {
    chmodSync(home, mode);
  } catch {
    // The owner of the directory is another account, for example on a mounted volume: its permissions stay.
  }
}

function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

function address(port: number, password: string): string {
  return `postgresql://${SUPERUSER}:${password}@127.0.0.1:${port}/${DATABASE}`;
}

/** Reads the address of the previous start: the password is needed, and the port is used again if it is still free. */
function readAddress(home: string): URL | undefined {
  try {
    const found = new URL(readFileSync(join(home, 'database.url'), 'utf8').trim());
    return found.password === '' ? undefined : found;
  } catch {
    return undefined;
  }
}

/** Replaces the file atomically, so that neither a reader nor a crash sees half of its content. */
function writeSecret(file: string, content: string): void {
  const unfinished = `${file}.new`;
  rmSync(unfinished, { force: true });
  writeFileSync(unfinished, content, { mode: 0o600 });
  renameSync(unfinished, file);
}
