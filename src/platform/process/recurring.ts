import { setTimeout as sleep } from 'node:timers/promises';

/** Work that is repeated after a pause until `end` is called. A failure is passed to `failed`; the repetition continues. */
export class Recurring {
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  /** Creates the work; `pauseMs` is the time between the end of a run and the start of the next. */
  constructor(
    private readonly pauseMs: number,
    private readonly work: (stop: AbortSignal) => Promise<void>,
    private readonly failed: (error: unknown) => void,
  ) {}

  begin(): void {
    this.running ??= this.loop(this.stopping.signal);
  }

  /** Stops the repetition; resolves when the current run has ended. */
  async end(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  private async loop(stop: AbortSignal): Promise<void> {
    while (!stop.aborted) {
      try {
        await this.work(stop);
      } catch (error) {
        this.failed(error);
      }
      await sleep(this.pauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}
