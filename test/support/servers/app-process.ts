import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';

/** Time limit of a start, ms: a start takes two seconds, but much longer on a busy machine. */
const START_MS = 90_000;

export interface AppProcessOptions {
  /** Number of characters of output that are kept; default 20,000. */
  readonly keep?: number;
  /** Whether the process gets its own session: Linux then gives it its own share of the cores, as for a service. */
  readonly ownSession?: boolean;
}

/** The built product in a separate process, for tests that kill it. */
export class AppProcess {
  private child: ChildProcess | undefined;
  private output = '';

  constructor(
    readonly port: number,
    private readonly env: Record<string, string>,
    private readonly options: AppProcessOptions = {},
  ) {}

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  /** Process id; 0 while it does not run. */
  get pid(): number {
    return this.child?.pid ?? 0;
  }

  /** Whether the process ran and has ended, for any reason. */
  get ended(): boolean {
    return this.child !== undefined && (this.child.exitCode !== null || this.child.signalCode !== null);
  }

  /** Starts the process and waits until it is ready to serve. */
  async start(): Promise<void> {
    this.output = '';
    const child = spawn(process.execPath, [join(import.meta.dirname, '../../../dist/src/main.js')], {
      env: {
        PATH: process.env['PATH'] ?? '',
        HOST: '127.0.0.1',
        PORT: String(this.port),
        SOURCE: 'none',
        LOG_LEVEL: 'warn',
        ...this.env,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: this.options.ownSession ?? false,
    });
    const { keep = 20_000 } = this.options;
    this.child = child;
    const note = (chunk: Buffer): void => {
      this.output = (this.output + chunk.toString()).slice(-keep);
    };
    child.stdout.on('data', note);
    child.stderr.on('data', note);
    const deadline = Date.now() + START_MS;
    while (Date.now() < deadline) {
      if (this.ended) throw new Error(`the app ended with ${child.exitCode ?? child.signalCode}:\n${this.output}`);
      const ready = await fetch(`${this.url}/health/ready`).then(
        (answer) => answer.ok,
        () => false,
      );
      if (ready) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error(`the app was not ready within ${START_MS / 1_000} s:\n${this.output}`);
  }

  /** Ends the process with a signal and waits for its end; returns its exit code. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const gone = new Promise<number | null>((resolve) => child.once('exit', (code) => resolve(code)));
    child.kill(signal);
    return gone;
  }

  /** Returns the last output, for the message of a failed test. */
  tail(): string {
    return this.output;
  }
}
