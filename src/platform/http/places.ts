import { DomainError } from '../errors/domain-error.js';

export interface PlaceBounds {
  /** Requests of one caller that run at once. */
  readonly atOnce: number;
  /** Requests of one caller that wait for a place. */
  readonly waiting: number;
  /** Longest wait, ms. */
  readonly waitMs: number;
  /** Name in the message of a refusal: `At most 3 of these of a key …`. */
  readonly what: string;
}

interface Waiting {
  readonly go: () => void;
}

interface Caller {
  taken: number;
  readonly waiting: Set<Waiting>;
}

/** Gives each caller a number of places, handed on in order. No caller waits for another one's requests. */
export class Places {
  private readonly callers = new Map<string, Caller>();

  constructor(private readonly bounds: PlaceBounds) {}

  /**
   * Waits for a place; the returned function frees it. Rejects with `rate_limited` when too many wait or it takes too long, and
   * with the signal's reason when that is aborted.
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

  /** Hands a place on to the next waiter instead of freeing it, so that no newcomer takes it. */
  private leave(name: string, caller: Caller): void {
    const [next] = caller.waiting;
    if (next) next.go();
    else if (--caller.taken === 0) this.callers.delete(name);
  }

  private refusal(): DomainError {
    const { atOnce, what } = this.bounds;
    const message = `At most ${atOnce} ${what} of a key are worked on at a time, and too many wait; send fewer at once.`;
    return new DomainError('rate_limited', message, { retryAfterMs: 1_000 });
  }
}
