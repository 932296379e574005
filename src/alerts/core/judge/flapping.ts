/** Limits above which the changes of a subject count as flapping. */
export interface FlapLimits {
  /** Maximum number of changes within the window that are sent; with more the value is moving around the threshold. */
  readonly changes: number;
  /** Length of the window, ms; also the time without changes after which the current state is sent. */
  readonly windowMs: number;
}

export const FLAP_LIMITS: FlapLimits = { changes: 15, windowMs: 180_000 };

/** Flapping state of a subject; `notice`: one message is due that announces the pause. */
export type Flapping = 'calm' | 'notice' | 'flapping';

/** Returns the state after one more change at `at`; `changes` has the earlier changes, newest last. */
export function flapping(changes: readonly number[], at: number, limits: FlapLimits): Flapping {
  const recent = recentChanges(changes, at, limits).length;
  if (recent < limits.changes) return 'calm';
  return recent === limits.changes ? 'notice' : 'flapping';
}

/** Returns the changes that are still within the window at `at`, only as many as are needed to detect flapping. */
export function recentChanges(changes: readonly number[], at: number, limits: FlapLimits): readonly number[] {
  return changes.filter((time) => time > at - limits.windowMs).slice(-limits.changes - 1);
}
