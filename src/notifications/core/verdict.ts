import type { Channel } from './channels/catalogue.js';
import type { DeliveryState } from './delivery.js';
import type { Outcome } from './outcome.js';
import { retryWait } from './retry-schedule.js';

interface Verdict {
  state: Extract<DeliveryState, 'delivered' | 'retrying' | 'dead' | 'expired'>;
  /** Time of the next attempt, Unix ms; null: there is none. */
  nextAttemptAt: number | null;
  reason: string | null;
}

/**
 * Returns the delivery's next state after the outcome of an attempt. `tries` includes this attempt; times are Unix ms;
 * `random` is used for the jitter of the retry.
 */
export function verdict(
  { channel, tries, expiresAt }: { channel: Channel; tries: number; expiresAt: number },
  outcome: Outcome,
  now: number,
  random?: () => number,
): Verdict {
  if (outcome.result === 'delivered') return { state: 'delivered', nextAttemptAt: null, reason: null };
  const reason = outcome.detail ?? 'failed';
  if (outcome.result === 'rejected') return { state: 'dead', nextAttemptAt: null, reason };
  const wait = retryWait(channel, tries, outcome.retryAfterMs, random);
  if (wait === undefined) return { state: 'dead', nextAttemptAt: null, reason };
  if (now + wait >= expiresAt) return { state: 'expired', nextAttemptAt: null, reason };
  return { state: 'retrying', nextAttemptAt: now + wait, reason };
}
