import type { Channel } from './delivery.js';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;

/** Waits after the first, second … failed attempt, ms. After the last one the delivery is dead. */
const WAITS_MS: Record<Channel, readonly number[]> = {
  webhook: [5 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 10 * HOUR],
  email: [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 4 * HOUR],
  push: [10 * SECOND, MINUTE, 5 * MINUTE, 15 * MINUTE],
};
/** Fraction of the wait by which it varies either way, so that deliveries that failed together are not retried together. */
const JITTER = 0.2;
/** Longest wait that a receiver can ask for with Retry-After, ms. */
const MAX_ASKED_MS = HOUR;

/** Returns the ms until the next attempt after `tries` failed ones; undefined if there is none left. */
export function retryWait(
  channel: Channel,
  tries: number,
  retryAfterMs = 0,
  random: () => number = Math.random,
): number | undefined {
  const step = WAITS_MS[channel][tries - 1];
  if (step === undefined) return undefined;
  const jittered = step * (1 - JITTER + 2 * JITTER * random());
  return Math.round(Math.max(jittered, Math.min(retryAfterMs, MAX_ASKED_MS)));
}

/** Returns a Retry-After as ms from `now`: seconds or an HTTP date; undefined for anything else. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * SECOND;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
