import { Logger } from '@nestjs/common';
import { startFailure } from './start-failure.js';

/** npm passes a Ctrl-C on that the terminal has already sent to everyone: a repetition this soon is an echo, not impatience. */
const ECHO_MS = 1_000;
/** A graceful end that takes longer than any drain window has hung. */
const LONGEST_END_MS = 60_000;

type Signal = 'SIGTERM' | 'SIGINT';

/** One step of the end; knows the signal that asked for it, if one did. */
type Ending = (signal?: Signal) => Promise<void>;

/**
 * The end of the process. SIGTERM and SIGINT run what was registered with `onEnd`, last registered first, then exit 0; a
 * second signal exits at once; SIGHUP ends nothing. An error that nobody caught is logged and exits 1, because the state is unknown then.
 */
export class ProcessLifetime {
  private readonly logger = new Logger('Process');
  private readonly endings: Ending[] = [];
  private readonly reloads: (() => void)[] = [];
  private endedAt: number | undefined;
  private longestEndMs = LONGEST_END_MS;

  constructor() {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => this.signalled(signal));
    process.on('SIGHUP', () => {
      this.logger.log({ signal: 'SIGHUP' }, 'reading certificates anew');
      for (const reload of this.reloads) reload();
    });
    for (const event of ['uncaughtException', 'unhandledRejection'] as const) {
      process.on(event, (error: unknown) => {
        this.logger.fatal({ err: error, event }, 'an error that nobody caught ends the process');
        process.exit(1);
      });
    }
  }

  /** Runs when SIGHUP asks to read files anew; it never ends the process. */
  onHangup(reload: () => void): void {
    this.reloads.push(reload);
  }

  /** Runs `ending` when the process is about to end, before those that were registered earlier. */
  onEnd(ending: Ending): void {
    this.endings.unshift(ending);
  }

  /** After this long a graceful end is given up, and the process exits 1. */
  limitEnd(milliseconds: number): void {
    this.longestEndMs = milliseconds;
  }

  /** Says on standard error why the process cannot go on, then ends in order and exits 1. */
  async fail(error: unknown): Promise<void> {
    process.stderr.write(startFailure(error));
    await this.end(1);
  }

  /** Ends in order and exits. Called again while it runs, it does nothing. */
  async end(exitCode: number, signal?: Signal): Promise<void> {
    if (this.endedAt !== undefined) return;
    this.endedAt = Date.now();
    setTimeout(() => process.exit(1), this.longestEndMs).unref();
    for (const ending of this.endings) {
      try {
        await ending(signal);
      } catch (error) {
        this.logger.error({ err: error }, 'a part did not end cleanly');
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
