/** Wait that `ring` ends early. A ring while nothing waits ends the next wait immediately. */
export class Doorbell {
  private rung = false;
  private answer: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.answer?.();
  }

  /** Resolves after `ms` or at a ring; immediately if there was a ring since the last wait or `cancelled` returns true. */
  wait(ms: number, cancelled: () => boolean = () => false): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.answer?.(), ms);
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
