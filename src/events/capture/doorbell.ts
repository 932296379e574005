/** A wait that can be cut short. A ring while nobody waits counts for the next wait. */
export class Doorbell {
  private rung = false;
  private answer: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.answer?.();
  }

  /** Resolves after `ms`, at a ring, or at once if it rang since the last wait or `cancelled` says so. */
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
