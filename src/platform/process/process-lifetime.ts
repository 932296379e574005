import { Logger } from '@nestjs/common';
import { startFailure } from './start-failure.js';

/**
 * Time within which a second signal is ignored, ms: npm forwards a Ctrl-C that the terminal has already sent to the process.
 */
const SECOND_SIGNAL_DELAY_MS = 1_000;
/** Longest time of a graceful end, ms; longer than any drain window. */
const END_TIMEOUT_MS = 60_000;

type Signal = 'SIGTERM' | 'SIGINT';

/** Step of a graceful end. `signal` is the signal that caused the end; undefined if there was none. */
type Ending = (signal?: Signal) => Promise<void>;

/**
 * Graceful end of the process. SIGTERM and SIGINT run the steps registered by `onEnd`, the last registered first, then exit
 * 0; a second signal exits immediately. SIGHUP does not end the process. An uncaught error is logged and exits 1
 * immediately, because the state of the process is unknown.
 */
export class ProcessLifetime {
  private readonly logger = new Logger('Process');
  private readonly endings: Ending[] = [];
  private readonly reloads: (() => void)[] = [];
  private endedAt: number | undefined;
  private longestEndMs = END_TIMEOUT_MS;

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.signalled(signal));
    process.on('SIGHUP', () => {
      this.logger.log({ signal: 'SIGHUP' }, 'reloading certificates');
      for (const reload of this.reloads) reload();
    });
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (error: unknown) => {
        this.logger.fatal({ err: error, event }, 'uncaught error; exiting');
        process.exit(1);
      });
    }
  }

  /** Calls `reload` at SIGHUP. */
  onHangup(reload: () => void): void {
    this.reloads.push(reload);
  }

  /** Registers a step of the graceful end; it runs before the steps that were registered before it. */
  onEnd(ending: Ending): void {
    this.endings.unshift(ending);
  }

  /** Sets the time after which a graceful end is aborted and the process exits 1. */
  limitEnd(milliseconds: number): void {
    this.longestEndMs = milliseconds;
  }

  /** Writes the reason of a failed start to standard error, then runs the graceful end and exits 1. */
  async fail(error: unknown): Promise<void> {
    process.stderr.write(startFailure(error));
    await this.end(1);
  }

  /** Runs the steps of the graceful end and exits. Further calls meanwhile have no effect. */
  async end(exitCode: number, signal?: Signal): Promise<void> {
    if (this.endedAt !== undefined) return;
    this.endedAt = Date.now();
    setTimeout(() => process.exit(1), this.longestEndMs).unref();
    for (const ending of this.endings) {
      try {
        await ending(signal);
      } catch (error) {
        this.logger.error({ err: error }, 'step of the graceful stop failed');
        exitCode ||= 1;
      }
    }
    process.exit(exitCode);
  }

  private signalled(signal: Signal): void {
    if (this.endedAt === undefined) {
      this.logger.log({ signal }, 'stopping; a second signal exits immediately');
      void this.end(0, signal);
    } else if (Date.now() - this.endedAt > SECOND_SIGNAL_DELAY_MS) {
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }
  }
}
