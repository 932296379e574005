/** Wait that `ring` ends early. A ring while nothing waits ends the next wait immediately. */
export class Doorbell {
  private rung = false;
  private answer: (() => void) | undefined;

  /** `unref`: whether a process with nothing else to do may end during a wait. */
  constructor(private readonly unref = false) {}

  ring(): void {
    this.rung = true;
    this.answer?.();
  }

  /**
   * Resolves after `ms` (`Infinity`: never) or at a ring; immediately if there was a ring since the last wait or `cancelled`
   * returns true.
   */
  wait(ms: number, cancelled: () => boolean = () => false): Promise<void> {
    return new Promise((resolve) => {
      const timer = ms === Infinity ? undefined : setTimeout(() => this.answer?.(), ms);
      if (this.unref) timer?.unref();
      this.answer = () => {
        clearTimeout(timer);
        this.answer = undefined;
        this.rung = false;
        resolve();
      };
      if (this.rung || cancelled()) this.answer();
    });
  }
}
