import { LRUCache } from 'lru-cache';
import { Injectable } from '@nestjs/common';
import type { Decision } from './candidates.js';

/** Length of a hold, ms; then a few messages ask again whether it still applies. */
const HOLD_DURATION_MS = 1_000;
const ASKING = 2;
const MAX_HOLDS = 20_000;

/** Reasons to defer a message that apply to all other messages of its target, or of its user, as well. */
const HELD: Readonly<Record<string, 'target' | 'user' | undefined>> = {
  endpoint_failing: 'target',
  endpoint_rate: 'target',
  host_rate: 'target',
  user_rate: 'user',
};

/**
 * Targets and users to whom nothing can be sent at present, as claims of this process have found. Until one accepts a message
 * its due messages stay where they are, except a few a second, instead of being claimed and deferred one by one.
 */
@Injectable()
export class Holds {
  private readonly ends = new LRUCache<string, number>({ max: MAX_HOLDS });

  note(decisions: readonly Decision[], now: number): void {
    for (const { row, admission } of decisions) {
      if (admission.action !== 'defer' || admission.slow) continue;
      const held = HELD[admission.reason];
      const key = held === 'user' ? row.user_id : held === 'target' ? row.target_id : null;
      if (key !== null) this.ends.set(key, now + HOLD_DURATION_MS);
    }
  }

  /** Ends the holds of a target that has accepted a message, and of its user. */
  end(targetId: string, userId: string): void {
    this.ends.delete(targetId);
    this.ends.delete(userId);
  }

  /** Returns how many messages of a target or a user may be claimed now. */
  room(key: string, now: number): number {
    const end = this.ends.get(key);
    if (end === undefined) return Infinity;
    return end > now ? 0 : ASKING;
  }
}
