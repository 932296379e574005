import { CHANNELS, type Channel } from './channels/catalogue.js';

const SECOND_MS = 1_000;
const HOUR_MS = 3_600_000;

/**
 * Fraction by which a wait is randomly shortened or extended, so that deliveries that failed together are not retried
 * together.
 */
const JITTER = 0.2;
/** Maximum wait that a receiver can request with Retry-After, ms. */
const MAX_RETRY_AFTER_MS = HOUR_MS;

/** Returns the time until the next attempt after `tries` failed ones, ms; undefined if no attempt is left. */
export function retryWait(
  channel: Channel,
  tries: number,
  retryAfterMs = 0,
  random: () => number = Math.random,
): number | undefined {
  const step = CHANNELS[channel].retryWaitsMs[tries - 1];
  if (step === undefined) return undefined;
  const jittered = step * (1 - JITTER + 2 * JITTER * random());
  return Math.round(Math.max(jittered, Math.min(retryAfterMs, MAX_RETRY_AFTER_MS)));
}

/** Returns the wait of a Retry-After header (seconds or an HTTP date) in ms from `now`; undefined for other values. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * SECOND_MS;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
