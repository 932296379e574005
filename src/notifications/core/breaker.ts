/** Recent results of an endpoint, as stored in the database: all workers share them. Times are Unix ms. */
export interface Health {
  /** Number of failed attempts in a row, and the time of the first. */
  failures: number;
  firstFailureAt: number | null;
  /** Attempts since the first failure within the window. */
  windowStartedAt: number | null;
  windowCalls: number;
  windowFailures: number;
  /** State of the breaker. null: closed. A future time: open, nothing is sent. A past time: half-open, one attempt may try. */
  openUntil: number | null;
  trips: number;
}

export const HEALTHY: Health = {
  failures: 0,
  firstFailureAt: null,
  windowStartedAt: null,
  windowCalls: 0,
  windowFailures: 0,
  openUntil: null,
  trips: 0,
};

const FAILURES_IN_A_ROW = 5;
const WINDOW_MS = 5 * 60_000;
const FEWEST_CALLS = 10;
const FAILED_SHARE = 0.5;
const MIN_PAUSE_MS = 30_000;
const MAX_PAUSE_MS = 3_600_000;
/**
 * Time for which the probe of a half-open endpoint holds other attempts off, ms: longer than it can take, and shorter than any
 * pause.
 */
export const PROBE_LEASE_MS = 20_000;

export type BreakerState = 'closed' | 'open' | 'half-open';

export function breakerState({ openUntil }: Pick<Health, 'openUntil'>, now: number): BreakerState {
  if (openUntil === null) return 'closed';
  return openUntil > now ? 'open' : 'half-open';
}

/**
 * Returns the state after an attempt that began at `startedAt`: the breaker opens at 5 failures in a row or half of at least 10
 * within 5 minutes, for longer after each probe that fails.
 */
export function afterAttempt(health: Health, ok: boolean, now: number, startedAt: number = now): Health {
  return ok ? afterSuccess(health, now) : afterFailure(health, now, startedAt);
}

function afterSuccess(health: Health, now: number): Health {
  if (health.openUntil !== null || health.windowStartedAt === null) return HEALTHY;
  if (now - health.windowStartedAt >= WINDOW_MS) return HEALTHY;
  return { ...health, failures: 0, firstFailureAt: null, windowCalls: health.windowCalls + 1 };
}

function afterFailure(health: Health, now: number, startedAt: number): Health {
  const fresh = health.windowStartedAt === null || now - health.windowStartedAt >= WINDOW_MS;
  const next = {
    ...health,
    failures: health.failures + 1,
    firstFailureAt: health.firstFailureAt ?? now,
    windowStartedAt: fresh ? now : health.windowStartedAt,
    windowCalls: fresh ? 1 : health.windowCalls + 1,
    windowFailures: fresh ? 1 : health.windowFailures + 1,
  };
  const opens =
    health.openUntil !== null ||
    next.failures >= FAILURES_IN_A_ROW ||
    (next.windowCalls >= FEWEST_CALLS && next.windowFailures >= next.windowCalls * FAILED_SHARE);
  // Attempts that were running when the endpoint got its pause fail with the rest: dozens of them are still one outage.
  const knownAlready = health.openUntil !== null && startedAt < health.openUntil - PROBE_LEASE_MS;
  if (!opens || knownAlready) return next;
  const pause = Math.min(MIN_PAUSE_MS * 2 ** Math.min(health.trips, 20), MAX_PAUSE_MS);
  return { ...next, openUntil: now + pause, trips: health.trips + 1 };
}
