/** Wait that can be cut short. A ring without a waiter counts for the next wait. */
export class Doorbell {
  private rung = false;
  private answer: (() => void) | undefined;

  ring(): void {
    this.rung = true;
    this.answer?.();
  }

  /** Resolves after `ms`, at a ring, or at once after a ring since the last wait or if `cancelled` returns true. */
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
