import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdirSync, openSync, readFileSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readPostmaster } from './postmaster-file.js';
import type { PostgresCluster } from './postgres-cluster.js';
import { commandLine, identity } from './server-account.js';

export interface ServerOptions {
  readonly port: number;
  /** Directory of the Unix socket; empty: the server opens no socket. */
  readonly socketDirectory: string;
  /** File to which the server's messages are appended. */
  readonly logFile: string;
  /** Server parameters of postgresql.conf by name. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Longest time of the start, ms; default 60 s. */
  readonly startTimeoutMs?: number;
}

/** Longest time of a start, ms; usually 30 ms, after a crash some seconds. */
const START_TIMEOUT_MS = 60_000;
/**
 * Longest time of a fast shutdown, which writes dirty pages, ms. After that time the server is stopped immediately and
 * recovers at the next start.
 */
const STOP_TIMEOUT_MS = 20_000;

/**
 * Script that starts the server and stops it when the standard input closes: the kernel closes that input even when the
 * owner process is killed with SIGKILL. The script's exit code is the server's.
 */
const WATCHER = `
exec 3<&0 </dev/null
"$@" 3<&- & server=$!
( read -r _ <&3; kill -INT "$server" ) 2>/dev/null & watch=$!
exec 3<&-
wait "$server"; code=$?
kill "$watch" 2>/dev/null
exit "$code"`;

/** Running PostgreSQL server that does not outlive this process. */
export class PostgresServer {
  private stopping = false;

  private constructor(
    private readonly cluster: PostgresCluster,
    private readonly watcher: ChildProcess,
  ) {}

  /**
   * Resolves when the server accepts connections. If the server ends before that, rejects with the last lines of its log.
   */
  static async start(cluster: PostgresCluster, options: ServerOptions): Promise<PostgresServer> {
    const logStart = statSync(options.logFile, { throwIfNoEntry: false })?.size ?? 0;
    const server = new PostgresServer(cluster, launch(cluster, options));
    const { startTimeoutMs = START_TIMEOUT_MS } = options;
    const deadline = Date.now() + startTimeoutMs;
    while (readPostmaster(cluster.directory)?.ready !== true) {
      if (server.ended) throw new Error(`PostgreSQL did not start: ${logSince(options.logFile, logStart)}`);
      if (Date.now() > deadline) {
        await server.stop();
        throw new Error(`PostgreSQL did not start within ${startTimeoutMs / 1000} s; see ${options.logFile}.`);
      }
      await sleep(5);
    }
    return server;
  }

  get ended(): boolean {
    return this.watcher.exitCode !== null || this.watcher.signalCode !== null;
  }

  /** Calls `listener` once if the server ends without `stop` having been called. */
  onUnexpectedEnd(listener: () => void): void {
    this.watcher.once('exit', () => {
      if (!this.stopping) listener();
    });
  }

  /** Ends all sessions and stops the server. Safe to call twice. */
  async stop(): Promise<void> {
    this.stopping = true;
    if (this.ended) return;
    const exit = once(this.watcher, 'exit');
    this.watcher.ref();
    const postmaster = readPostmaster(this.cluster.directory);
    this.watcher.stdin?.end();
    const impatience = setTimeout(() => {
      if (postmaster) process.kill(postmaster.pid, 'SIGQUIT');
    }, STOP_TIMEOUT_MS);
    await exit;
    clearTimeout(impatience);
  }
}

function launch(cluster: PostgresCluster, options: ServerOptions): ChildProcess {
  const parameters = {
    listen_addresses: '127.0.0.1',
    port: String(options.port),
    unix_socket_directories: options.socketDirectory,
    logging_collector: 'off',
    ...options.parameters,
  };
  const args = Object.entries(parameters).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const [command, words] = commandLine(cluster.account, cluster.binaries.postgres, ['-D', cluster.directory, ...args]);
  mkdirSync(dirname(options.logFile), { recursive: true });
  const log = openSync(options.logFile, 'a', 0o600);
  // Detached from the process group: Ctrl-C in a terminal signals the whole group, and the application still needs the
  // database to drain.
  const watcher = spawn('sh', ['-c', WATCHER, 'sh', command, ...words], {
    cwd: dirname(cluster.directory),
    detached: true,
    env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['pipe', log, log],
    ...identity(cluster.account),
  });
  closeSync(log);
  watcher.stdin?.on('error', () => undefined);
  watcher.unref();
  return watcher;
}

/** Returns the errors in the server's log after a byte offset; its last lines if there are none. */
function logSince(file: string, offset: number): string {
  const lines = readFileSync(file).subarray(offset).toString('utf8').trim().split('\n');
  const complaints = lines.filter((line) => /FATAL|ERROR|PANIC|HINT|not found|cannot/.test(line));
  return (complaints.length > 0 ? complaints : lines).slice(-5).join('\n') || `see ${file}`;
}
