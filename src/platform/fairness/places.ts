import { DomainError } from '../errors/domain-error.js';

interface PlaceBounds {
  /** Number of one caller's requests that may run at the same time. */
  readonly atOnce: number;
  /** Number of one caller's requests that may wait for a place. */
  readonly waiting: number;
  /** Longest wait, ms. */
  readonly waitMs: number;
  /** Plural name of the requests in the message of a refusal, such as `large requests`. */
  readonly what: string;
}

interface Waiting {
  readonly go: () => void;
}

interface Caller {
  taken: number;
  readonly waiting: Set<Waiting>;
}

/**
 * Gives each caller a number of places of its own; the caller's waiting requests get freed places in the order of their
 * arrival.
 */
export class Places {
  private readonly callers = new Map<string, Caller>();

  constructor(private readonly bounds: PlaceBounds) {}

  /**
   * Waits for a place and returns the function that frees it. Rejects with `rate_limited` if too many requests wait or the
   * wait is too long, and with the signal's reason if the signal is aborted.
   */
  async enter(name: string, signal?: AbortSignal): Promise<() => void> {
    signal?.throwIfAborted();
    const caller = this.callers.get(name) ?? { taken: 0, waiting: new Set() };
    this.callers.set(name, caller);
    if (caller.taken < this.bounds.atOnce) caller.taken += 1;
    else await this.wait(caller, signal);
    let isHeld = true;
    return () => {
      if (isHeld) this.leave(name, caller);
      isHeld = false;
    };
  }

  private wait({ waiting }: Caller, signal: AbortSignal | undefined): Promise<void> {
    if (waiting.size >= this.bounds.waiting) return Promise.reject(this.refusal());
    return new Promise((resolve, reject) => {
      const end = (): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        waiting.delete(one);
      };
      const one: Waiting = {
        go: () => {
          end();
          resolve();
        },
      };
      const abort = (): void => {
        end();
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        end();
        reject(this.refusal());
      }, this.bounds.waitMs);
      signal?.addEventListener('abort', abort, { once: true });
      waiting.add(one);
    });
  }

  /** Passes a freed place directly to the first waiting request, so that a new request cannot take it. */
  private leave(name: string, caller: Caller): void {
    const [next] = caller.waiting;
    if (next) next.go();
    else if (--caller.taken === 0) this.callers.delete(name);
  }

  private refusal(): DomainError {
    const { atOnce, what } = this.bounds;
    const message = `At most ${atOnce} ${what} of a key run at the same time, and too many others wait; send fewer in parallel.`;
    return new DomainError('rate_limited', message, { retryAfterMs: 1_000 });
  }
}
