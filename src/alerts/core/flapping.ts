/** Limits beyond which a subject counts as flapping. */
export interface FlapLimits {
  /** Maximum number of changes within the window that are sent: beyond it the value swings around the threshold. */
  readonly changes: number;
  /** Length of the window, ms; also the calm time before the present state is sent. */
  readonly windowMs: number;
}

export const FLAP_LIMITS: FlapLimits = { changes: 15, windowMs: 180_000 };

/** State of a subject; `notice`: the one message that announces the pause. */
export type Flapping = 'calm' | 'notice' | 'flapping';

/** Returns the state after one more change at `at`; `changes` has the newest last. */
export function flapping(changes: readonly number[], at: number, limits: FlapLimits): Flapping {
  const recent = recentChanges(changes, at, limits).length;
  if (recent < limits.changes) return 'calm';
  return recent === limits.changes ? 'notice' : 'flapping';
}

/** Returns the changes that still count at `at`, no more than needed to detect flapping. */
export function recentChanges(changes: readonly number[], at: number, limits: FlapLimits): readonly number[] {
  return changes.filter((time) => time > at - limits.windowMs).slice(-limits.changes - 1);
}
