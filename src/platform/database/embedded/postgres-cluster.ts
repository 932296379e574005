import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PostgresBinaries } from './postgres-binaries.js';
import { commandLine, handOver, identity, type ServerAccount } from './server-account.js';

/** Superuser of every cluster that this module creates. */
export const SUPERUSER = 'postgres';

/** Directory with a database cluster, and the means to run programs on it. */
export interface PostgresCluster {
  readonly binaries: PostgresBinaries;
  readonly account: ServerAccount;
  readonly directory: string;
}

export function clusterExists(cluster: PostgresCluster): boolean {
  return existsSync(join(cluster.directory, 'PG_VERSION'));
}

/**
 * Creates the cluster; every login needs `password`. The cluster is built in another directory and moved when it is
 * complete, so that an interrupted creation leaves nothing that looks like a database.
 */
export async function createCluster(cluster: PostgresCluster, password: string): Promise<void> {
  const unfinished = `${cluster.directory}.new`;
  const passwordFile = `${cluster.directory}.password`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true, mode: 0o700 });
  handOver(cluster.account, unfinished);
  writeFileSync(passwordFile, password, { mode: 0o600 });
  handOver(cluster.account, passwordFile);
  try {
    await runProgram(cluster, cluster.binaries.initdb, [
      `--pgdata=${unfinished}`,
      `--username=${SUPERUSER}`,
      `--pwfile=${passwordFile}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
      '--no-sync',
    ]);
  } finally {
    rmSync(passwordFile, { force: true });
  }
  renameSync(unfinished, cluster.directory);
}

/** Sets a new password of the superuser after the stored password was lost. No server may be running. */
export async function resetPassword(cluster: PostgresCluster, password: string): Promise<void> {
  const sql = `ALTER ROLE ${SUPERUSER} PASSWORD '${password.replaceAll("'", "''")}'\n`;
  await runProgram(cluster, cluster.binaries.postgres, ['--single', '-D', cluster.directory, 'postgres'], sql);
}

/** Returns the major version of the cluster's files. */
export function clusterVersion(cluster: PostgresCluster): string {
  return readFileSync(join(cluster.directory, 'PG_VERSION'), 'utf8').trim();
}

/** Returns the major version of the programs. */
export async function programVersion(cluster: PostgresCluster): Promise<string> {
  const output = await runProgram(cluster, cluster.binaries.postgres, ['--version']);
  return /\)\s(\d+)/.exec(output)?.[1] ?? 'unknown';
}

async function runProgram(
  cluster: PostgresCluster,
  program: string,
  args: readonly string[],
  input = '',
): Promise<string> {
  const [command, words] = commandLine(cluster.account, program, args);
  const running = promisify(execFile)(command, words, {
    cwd: join(cluster.directory, '..'),
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    timeout: 120_000,
    ...identity(cluster.account),
  });
  // A program that ends without reading its input is not at fault; failures show in the exit code.
  running.child.stdin?.on('error', () => undefined).end(input);
  const { stdout } = await running;
  return stdout;
}
