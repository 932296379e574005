import { LIVE_AT_ONCE } from '../execution/query-pool.js';
import type { LiveQuery } from './live-query.js';

/** Maximum number of live queries of one key that run at the same time; one connection always remains for other keys. */
const MAX_OF_KEY = LIVE_AT_ONCE - 1;
/** Share of a key's used time that is forgotten at each turn of any key. */
const FORGOTTEN_SHARE = 0.02;

/**
 * Order in which due live queries run: those without a first result before refreshes, then those of the key that has used
 * the least time recently, then the one that has waited longest. However many queries a key follows, they do not delay those
 * of another key.
 */
export class LiveTurns {
  private readonly running = new Map<string, number>();
  private readonly used = new Map<string, number>();
  private total = 0;

  /** Returns the due queries that may start now. */
  choose(due: readonly LiveQuery[]): LiveQuery[] {
    const ordered = [...due].sort((a, b) => this.compare(a, b));
    const chosen: LiveQuery[] = [];
    const begun = new Map(this.running);
    for (const live of ordered) {
      if (this.total + chosen.length >= LIVE_AT_ONCE) break;
      const ofKey = begun.get(live.key) ?? 0;
      if (ofKey >= MAX_OF_KEY) continue;
      begun.set(live.key, ofKey + 1);
      chosen.push(live);
    }
    return chosen;
  }

  begin({ key }: LiveQuery): void {
    this.total += 1;
    this.running.set(key, (this.running.get(key) ?? 0) + 1);
  }

  end({ key }: LiveQuery, ms: number): void {
    this.total -= 1;
    const left = (this.running.get(key) ?? 1) - 1;
    if (left === 0) this.running.delete(key);
    else this.running.set(key, left);
    for (const [other, used] of this.used) {
      if (used < 1) this.used.delete(other);
      else this.used.set(other, used * (1 - FORGOTTEN_SHARE));
    }
    this.used.set(key, (this.used.get(key) ?? 0) + ms);
  }

  private compare(a: LiveQuery, b: LiveQuery): number {
    const first = Number(a.hasShown) - Number(b.hasShown);
    const used = (this.used.get(a.key) ?? 0) - (this.used.get(b.key) ?? 0);
    return first || used || (a.dirtySince ?? 0) - (b.dirtySince ?? 0);
  }
}
