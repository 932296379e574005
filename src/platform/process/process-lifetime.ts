import { Logger } from '@nestjs/common';
import { startFailure } from './start-failure.js';

/**
 * Time within which a repeated signal is ignored, ms: npm forwards a Ctrl-C that the terminal has already sent to every
 * process.
 */
const ECHO_MS = 1_000;
/** Longest graceful end, ms: longer than any drain window. */
const END_TIMEOUT_MS = 60_000;

type Signal = 'SIGTERM' | 'SIGINT';

/** Step of the end; receives the signal that asked for it, if one did. */
type Ending = (signal?: Signal) => Promise<void>;

/**
 * End of the process. SIGTERM and SIGINT run the steps of `onEnd`, last registered first, then exit 0; a second signal exits at
 * once; SIGHUP ends nothing. An uncaught error is logged and exits 1, because the state is unknown then.
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
        this.logger.fatal({ err: error, event }, 'uncaught error; the process ends');
        process.exit(1);
      });
    }
  }

  /** Calls `reload` at SIGHUP, which never ends the process. */
  onHangup(reload: () => void): void {
    this.reloads.push(reload);
  }

  /** Runs `ending` when the process is about to end, before the steps registered earlier. */
  onEnd(ending: Ending): void {
    this.endings.unshift(ending);
  }

  /** Sets the time after which a graceful end is given up and the process exits 1. */
  limitEnd(milliseconds: number): void {
    this.longestEndMs = milliseconds;
  }

  /** Writes the reason of a failure to standard error, then ends in order and exits 1. */
  async fail(error: unknown): Promise<void> {
    process.stderr.write(startFailure(error));
    await this.end(1);
  }

  /** Ends in order and exits. A further call while it runs has no effect. */
  async end(exitCode: number, signal?: Signal): Promise<void> {
    if (this.endedAt !== undefined) return;
    this.endedAt = Date.now();
    setTimeout(() => process.exit(1), this.longestEndMs).unref();
    for (const ending of this.endings) {
      try {
        await ending(signal);
      } catch (error) {
        this.logger.error({ err: error }, 'part of the process did not end cleanly');
        exitCode ||= 1;
      }
    }
    process.exit(exitCode);
  }

  private signalled(signal: Signal): void {
    if (this.endedAt === undefined) {
      this.logger.log({ signal }, 'stopping; a second signal stops at once');
      void this.end(0, signal);
    } else if (Date.now() - this.endedAt > ECHO_MS) {
      process.exit(signal === 'SIGINT' ? 130 : 143);
    }
  }
}
