/**
 * Recent results of an endpoint and its circuit breaker, stored in the database and shared by all workers. Times are Unix
 * ms.
 */
export interface Health {
  /** Number of consecutive failed attempts, and the time of the first of them. */
  failures: number;
  firstFailureAt: number | null;
  /** Attempts and failures within the window, which starts at a failure. */
  windowStartedAt: number | null;
  windowCalls: number;
  windowFailures: number;
  /**
   * State of the breaker. null: closed; a future time: open, nothing is sent; a past time: half-open, one attempt may
   * probe.
   */
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
const MIN_CALLS = 10;
const FAILED_SHARE = 0.5;
const MIN_PAUSE_MS = 30_000;
const MAX_PAUSE_MS = 3_600_000;
/**
 * Time for which the probe of a half-open endpoint blocks other attempts, ms: longer than a probe can take, and shorter
 * than any pause.
 */
export const PROBE_LEASE_MS = 20_000;

type BreakerState = 'closed' | 'open' | 'half-open';

export function breakerState({ openUntil }: Pick<Health, 'openUntil'>, now: number): BreakerState {
  if (openUntil === null) return 'closed';
  return openUntil > now ? 'open' : 'half-open';
}

/**
 * Returns the state after an attempt that began at `startedAt`. The breaker opens after 5 consecutive failures, or if
 * half of at least 10 attempts within 5 minutes failed; each failed probe makes the next pause longer.
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
    (next.windowCalls >= MIN_CALLS && next.windowFailures >= next.windowCalls * FAILED_SHARE);
  // Attempts that were already running when the breaker opened fail, too, but belong to the same outage, so they do not
  // extend the pause.
  const knownAlready = health.openUntil !== null && startedAt < health.openUntil - PROBE_LEASE_MS;
  if (!opens || knownAlready) return next;
  const pause = Math.min(MIN_PAUSE_MS * 2 ** Math.min(health.trips, 20), MAX_PAUSE_MS);
  return { ...next, openUntil: now + pause, trips: health.trips + 1 };
}
