import { fork, type ChildProcess } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { arch, cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { startBenchApp, type BenchApp, type BenchAppOptions } from './bench-app.js';

const ROOT = join(import.meta.dirname, '../../..');

/** Figures of the last line of output, which the exported `run` of a bench measures and returns. */
export type Figures = Record<string, unknown>;

/** Services for every bench: the app in a separate process, client processes, progress output, and a complete clean-up. */
export class BenchContext {
  readonly name: string;
  /** Whether this is a smaller run that ends within 60 s. */
  readonly quick: boolean;
  /** Names of the parts to run; all if undefined. */
  readonly only: readonly string[] | undefined;
  private readonly silent: boolean;
  /** Load of the machine before the bench: figures are not valid if other work was running. */
  private readonly loadBefore = loadavg()[0] ?? 0;
  private readonly cleanUps: (() => Promise<void>)[] = [];
  private readonly versions: Record<string, string> = {
    node: process.versions.node,
    'defi-realtime': packageVersion(join(ROOT, 'package.json')),
    'socket.io': packageVersion(join(ROOT, 'node_modules/socket.io/package.json')),
    ws: packageVersion(join(ROOT, 'node_modules/ws/package.json')),
  };

  constructor(options: { name: string; quick: boolean; only?: readonly string[]; silent: boolean }) {
    this.name = options.name;
    this.quick = options.quick;
    this.only = options.only;
    this.silent = options.silent;
    if (this.loadBefore > 1)
      this.log(`This machine is busy (load ${this.loadBefore.toFixed(1)}): expect worse figures`);
  }

  /** Prints progress for people. */
  log(text: string): void {
    if (!this.silent) console.log(text);
  }

  /** Prints a table; the columns are those of the first row. */
  table(rows: readonly Record<string, string | number>[]): void {
    const names = Object.keys(rows[0] ?? {});
    const lines = [names, ...rows.map((row) => names.map((name) => cell(row[name])))];
    const widths = names.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
    for (const line of lines)
      this.log(`  ${line.map((text, column) => text.padStart(widths[column] ?? 0)).join('  ')}`);
  }

  /** Adds the version of a part or a peer to the last line. */
  noteVersion(part: string, version: string): void {
    this.versions[part] = version;
  }

  /** Registers work for the end of the bench, also after a failure; the work registered last runs first. */
  atEnd(work: () => Promise<void>): void {
    this.cleanUps.push(work);
  }

  /** Starts the built app with an embedded PostgreSQL in a temporary folder; resolves when it serves. */
  async startApp(options: BenchAppOptions = {}): Promise<BenchApp> {
    const app = await startBenchApp(options);
    this.atEnd(() => app.stop());
    this.noteVersion('postgresql', app.databaseVersion);
    return app;
  }

  /**
   * Starts a process: `file` is a module under test/bench/support, `task` its first message, `flags` are Node's. The
   * process gets its own session, like the app and each database connection: Linux first divides the cores among sessions
   * (`sched_autogroup`), and writers and clients, which run on other machines in production, must not reduce the app's
   * share.
   */
  startProcess(file: string, task: unknown, flags: readonly string[] = []): ChildProcess {
    const child = fork(join(import.meta.dirname, file), {
      execArgv: [...process.execArgv, ...flags],
      serialization: 'advanced',
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
      detached: true,
    });
    this.atEnd(async () => {
      child.kill('SIGKILL');
    });
    child.send(task as object);
    return child;
  }

  async cleanUp(): Promise<void> {
    for (const work of this.cleanUps.splice(0).reverse()) {
      await work().catch((error: unknown) => console.error('clean-up failed', error));
    }
  }

  /** Prints the last line: all data needed to compare this run with another. */
  print(figures: Figures): void {
    const machine = {
      cpu: cpus()[0]?.model ?? 'unknown',
      cores: cpus().length,
      memory_gb: Math.round(totalmem() / 2 ** 30),
      load_before: this.loadBefore,
      os: `linux ${release()} ${arch()}`,
    };
    const head = {
      bench: this.name,
      at: new Date().toISOString(),
      quick: this.quick,
      machine,
      versions: this.versions,
    };
    console.log(JSON.stringify({ ...head, ...figures }));
  }
}

/** Resolves with the child's next message of this `type`; rejects if the child ends before. */
export function nextMessage<T>(child: ChildProcess, type: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      if ((message as { type?: string }).type !== type) return;
      child.off('message', onMessage);
      child.off('exit', onExit);
      resolve(message as T);
    };
    const onExit = (code: number | null): void => reject(new Error(`a process of the bench ended with ${code}`));
    child.on('message', onMessage);
    child.once('exit', onExit);
  });
}

function packageVersion(path: string): string {
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}

function cell(value: string | number | undefined): string {
  if (typeof value !== 'number') return value ?? '';
  return Number.isInteger(value) ? value.toLocaleString('en-US') : value.toFixed(Math.abs(value) < 10 ? 2 : 1);
}
