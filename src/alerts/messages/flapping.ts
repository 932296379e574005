/** More firings of one rule and instance than this within the window are not sent: the value swings around the threshold. */
export const FLAP_FIRINGS = 15;
export const FLAP_WINDOW_MS = 180_000;

/** What the number of earlier transitions within the window means for one more. */
export type Flapping = 'calm' | 'notice' | 'flapping';

/** `notice`: the one message that says that the next ones will not come. */
export function flapping(earlier: number): Flapping {
  if (earlier < FLAP_FIRINGS) return 'calm';
  return earlier === FLAP_FIRINGS ? 'notice' : 'flapping';
}

export const FLAP_NOTICE = ` It told this ${FLAP_FIRINGS} times in ${FLAP_WINDOW_MS / 60_000} minutes; further messages wait until that calms down.`;

/** Counts the transitions of each rule and instance over a sliding window. */
export class FlapCounter {
  private readonly times = new Map<string, number[]>();

  /** Transitions that were written before, newest or oldest first. */
  constructor(earlier: Iterable<readonly [key: string, at: number]> = []) {
    for (const [key, at] of earlier) this.times.set(key, [...(this.times.get(key) ?? []), at]);
  }

  /** What one more transition at this time is, which then counts too. */
  judge(key: string, at: number): Flapping {
    const recent = (this.times.get(key) ?? []).filter((time) => time > at - FLAP_WINDOW_MS);
    this.times.set(key, [...recent, at]);
    return flapping(recent.length);
  }
}
