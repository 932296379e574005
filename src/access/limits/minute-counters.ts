import { Injectable } from '@nestjs/common';
import { RateLimiterMemory } from 'rate-limiter-flexible';

/** Length of the window in which things are counted. */
export const WINDOW_SECONDS = 60;

export type Counted = 'requests' | 'refusals' | 'messages' | 'subscription_changes' | 'connects';

export interface Count {
  used: number;
  /** Until the window ends and counting starts at zero. */
  resetMs: number;
}

/**
 * What was used in the current minute. The only place that knows where it is counted: in this process. The counters do
 * not know the limits, because these differ from key to key.
 */
@Injectable()
export class MinuteCounters {
  private readonly counters: Record<Counted, RateLimiterMemory> = {
    requests: counter(),
    refusals: counter(),
    messages: counter(),
    subscription_changes: counter(),
    connects: counter(),
  };

  /** Counts one more. */
  async hit(what: Counted, who: string): Promise<Count> {
    const state = await this.counters[what].penalty(who, 1);
    return { used: state.consumedPoints, resetMs: state.msBeforeNext };
  }

  async used(what: Counted, who: string): Promise<number> {
    const state = await this.counters[what].get(who);
    return state?.consumedPoints ?? 0;
  }
}

function counter(): RateLimiterMemory {
  return new RateLimiterMemory({ points: Number.MAX_SAFE_INTEGER, duration: WINDOW_SECONDS });
}
