import type { Fleet } from '../../support/clients/fleet.js';
import type { SeenEvent } from '../../support/clients/resuming-client.js';

/**
 * Longest time that a client of a fleet waited, ms: until it received an event, or between two events during which none
 * could be written.
 */
export class LongestWait {
  private longest = 0;

  constructor(fleet: Fleet) {
    for (const { client, followsAll } of fleet.members) {
      const keep = client.record;
      let heardAt = Date.now();
      client.record = (event: SeenEvent): void => {
        const now = Date.now();
        this.longest = Math.max(this.longest, now - event.at, followsAll ? now - heardAt : 0);
        heardAt = now;
        keep(event);
      };
    }
  }

  /** Returns the longest wait since the previous call. */
  take(): number {
    const { longest } = this;
    this.longest = 0;
    return longest;
  }
}
