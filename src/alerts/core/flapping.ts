/** When a subject counts as flapping. */
export interface FlapLimits {
  /** More changes than this within the window are not sent: the value swings around the threshold. */
  readonly changes: number;
  /** Milliseconds; also how long it must be calm before the present state is told. */
  readonly windowMs: number;
}

export const FLAP_LIMITS: FlapLimits = { changes: 15, windowMs: 180_000 };

/** `notice`: the one message that says that the next ones will not come. */
export type Flapping = 'calm' | 'notice' | 'flapping';

/** What one more change at `at` is after these, the newest last. */
export function flapping(changes: readonly number[], at: number, limits: FlapLimits): Flapping {
  const recent = recentChanges(changes, at, limits).length;
  if (recent < limits.changes) return 'calm';
  return recent === limits.changes ? 'notice' : 'flapping';
}

/** Changes that still count at `at`; no more than are needed to know that it flaps. */
export function recentChanges(changes: readonly number[], at: number, limits: FlapLimits): readonly number[] {
  return changes.filter((time) => time > at - limits.windowMs).slice(-limits.changes - 1);
}
