import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitFor } from '../wait-for.js';

/** Folders that are empty in the isolated network, and filled by the test: the machine's own stay as they are. */
const OWN_FOLDERS = ['/run', '/etc/nginx'];

/** Reason why networks cannot be isolated on this machine; undefined if they can. */
export const NO_ISOLATION =
  spawnSync('/usr/bin/unshare', ['--net', '--mount', 'true']).status === 0
    ? undefined
    : 'networks can be isolated by root on Linux only';

/** Process in an isolated network, and its output. */
interface Inside {
  readonly child: ChildProcess;
  readonly output: () => string;
}

/**
 * Network and file tree of its own, in which the host names of a deployment exist: services run as plain processes with the
 * ports and paths of their containers, and disturb nothing on the machine.
 */
export class IsolatedNetwork {
  private readonly running: Inside[] = [];

  private constructor(
    private readonly holder: ChildProcess,
    /** Folder that both sides see. */
    readonly folder: string,
  ) {}

  static async open(hosts: readonly string[]): Promise<IsolatedNetwork> {
    const folder = mkdtempSync(join(tmpdir(), 'compose-test-'));
    // Services may run as users of their own.
    chmodSync(folder, 0o755);
    const names = hosts.map((host, index) => `127.0.1.${index + 1} ${host}`);
    writeFileSync(join(folder, 'hosts'), ['127.0.0.1 localhost', ...names, ''].join('\n'));
    const prepare = [
      'set -e; ip link set lo up',
      `mount --bind ${folder}/hosts /etc/hosts`,
      ...OWN_FOLDERS.map((path) => `mount -t tmpfs tmpfs ${path}`),
      `touch ${folder}/prepared; exec sleep infinity`,
    ];
    const own = ['--net', '--mount', '--propagation', 'private', '/bin/sh', '-c', prepare.join('; ')];
    const holder = spawn('/usr/bin/unshare', own);
    const network = new IsolatedNetwork(holder, folder);
    await waitFor(() => spawnSync('test', ['-e', join(folder, 'prepared')]).status === 0);
    return network;
  }

  /** Runs a command to its end and returns its standard output; throws if it fails. */
  run(command: readonly string[], env: Record<string, string> = {}): string {
    const { file, args, options } = this.call(command, env);
    return execFileSync(file, args, { ...options, encoding: 'utf8' });
  }

  /** Whether a command ends with 0. */
  succeeds(command: readonly string[], env: Record<string, string> = {}): boolean {
    const { file, args, options } = this.call(command, env);
    return spawnSync(file, args, options).status === 0;
  }

  start(command: readonly string[], env: Record<string, string> = {}): Inside {
    const { file, args, options } = this.call(command, env);
    const child = spawn(file, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-10_000)));
    }
    const inside = { child, output: () => output };
    this.running.push(inside);
    return inside;
  }

  /** Ends everything that was started, the last first, and removes the folder. */
  async close(): Promise<void> {
    for (const { child } of this.running.splice(0).toReversed()) await end(child, 'SIGTERM');
    await end(this.holder, 'SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  private call(command: readonly string[], env: Record<string, string>) {
    const enter = ['--net', '--mount', '--target', String(this.holder.pid), '--', ...command];
    return { file: '/usr/bin/nsenter', args: enter, options: { env: { PATH: process.env['PATH'] ?? '', ...env } } };
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), 30_000);
  await gone;
  clearTimeout(timer);
}
