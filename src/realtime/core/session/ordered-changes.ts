import { DomainError } from '../../../platform/errors/domain-error.js';

/** Runs the changes of one connection one after the other, in the order of their requests. */
export class OrderedChanges {
  private last: Promise<unknown> = Promise.resolve();
  private waiting = 0;

  constructor(private readonly isOver: () => boolean) {}

  /** Whether a change would have to wait for another. */
  get isBusy(): boolean {
    return this.waiting > 0;
  }

  /**
   * Runs `work` at once if no other change is running. Rejects with `unavailable` after the connection has ended, with
   * `rate_limited` if `limit` changes already run or wait.
   */
  run<T>(limit: number, work: () => T | Promise<T>): Promise<T> {
    if (this.isOver()) return Promise.reject(hasEnded());
    if (this.waiting >= limit) {
      return Promise.reject(new DomainError('rate_limited', 'Too many changes wait for a replay of this connection.'));
    }
    const isFirst = this.waiting++ === 0;
    const run = async () => {
      try {
        if (this.isOver()) throw hasEnded();
        return await work();
      } finally {
        this.waiting--;
      }
    };
    const done = isFirst ? run() : this.last.then(run, run);
    this.last = done.catch(() => {});
    return done;
  }
}

function hasEnded(): DomainError {
  return new DomainError('unavailable', 'The connection has ended.');
}
