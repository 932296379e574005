import { setImmediate as nextTurn } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import { Doorbell } from './doorbell.js';
import { LoopPace, type LoopPauses, type Pace } from './loop-pace.js';

/** Work that is repeated while the process runs. */
export interface LoopTask extends LoopPauses {
  /** Name in logs and metrics: lower case with underscores. */
  readonly name: string;
  /** Whether the first run waits for an interval or a ring, too; default: it begins within `start`. */
  readonly isDelayed?: boolean;
  /** Shortest time between the starts of two runs, ms; a ring does not shorten it. Default 0. */
  readonly minIntervalMs?: number | undefined;
  /** Level of the log lines; `debug` for work whose dependency logs its own failures. Default `warn`. */
  readonly logLevel?: 'warn' | 'debug';
  /**
   * Runs once. A number that it returns is the pause until the next run, ms (`Infinity`: until the next ring).
   * @param stop aborts when the loop is stopped; `stop` waits for the run
   */
  run(stop: AbortSignal): number | void | Promise<number | void>;
}

/** One run of a loop. */
export interface LoopRun {
  readonly loop: string;
  readonly seconds: number;
  readonly failed: boolean;
}

/**
 * Repetition of a task until `stop`. Runs never overlap. A failed run does not end the loop: the first failure is logged, and
 * the first success after failures. The loop does not keep the process alive.
 */
export class BackgroundLoop {
  private readonly logger = new Logger(BackgroundLoop.name);
  private readonly stopping = new AbortController();
  /** Wait for the next run, and waits that no ring shortens. */
  private readonly bell = new Doorbell(true);
  private readonly rest = new Doorbell(true);
  private readonly pace: LoopPace;
  private running: Promise<void> | undefined;

  constructor(
    private readonly task: LoopTask,
    private readonly ran: (run: LoopRun) => void = () => undefined,
  ) {
    this.pace = new LoopPace(task);
  }

  /** Starts the repetition; further calls, and calls after `stop`, have no effect. */
  start(): void {
    this.running ??= this.repeat(this.stopping.signal);
  }

  /** Starts the next run now, or once the run in progress has ended. */
  ring(): void {
    this.bell.ring();
  }

  /** Ends the repetition; resolves when the run in progress has ended. */
  async stop(): Promise<void> {
    this.stopping.abort();
    this.bell.ring();
    this.rest.ring();
    await this.running;
  }

  private async repeat(stop: AbortSignal): Promise<void> {
    const stopped = (): boolean => stop.aborted;
    const { isDelayed = false, minIntervalMs = 0 } = this.task;
    if (isDelayed) await this.bell.wait(this.pace.succeeded().pauseMs, stopped);
    while (!stop.aborted) {
      const begun = performance.now();
      const { pauseMs, ringable } = await this.runOnce(stop);
      if (pauseMs > 0) await (ringable ? this.bell : this.rest).wait(pauseMs, stopped);
      else await nextTurn();
      const tooEarlyMs = begun + minIntervalMs - performance.now();
      if (tooEarlyMs > 0) await this.rest.wait(tooEarlyMs, stopped);
    }
  }

  private async runOnce(stop: AbortSignal): Promise<Pace> {
    const begun = performance.now();
    let failure: { readonly err: unknown } | undefined;
    let next: number | void = undefined;
    try {
      next = await this.task.run(stop);
    } catch (error) {
      failure = { err: error };
    }
    const { name, logLevel = 'warn' } = this.task;
    this.ran({ loop: name, seconds: (performance.now() - begun) / 1000, failed: failure !== undefined });
    const pace = failure === undefined ? this.pace.succeeded(next ?? undefined) : this.pace.failed();
    // A failure while the loop is stopped is mostly the stop itself.
    if (pace.change === 'failing' && !stop.aborted)
      this.logger[logLevel]({ ...failure, loop: name }, 'background loop failed; retrying');
    if (pace.change === 'recovered')
      this.logger[logLevel === 'warn' ? 'log' : 'debug']({ loop: name }, 'background loop recovered');
    return pace;
  }
}
