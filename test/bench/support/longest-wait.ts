import type { Fleet } from '../../support/fleet.js';
import type { SeenEvent } from '../../support/resuming-client.js';

/** The longest that any client of a fleet waited, ms: until it got an event, or between two events where none could be written. */
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

  /** Of the time since the last call. */
  take(): number {
    const { longest } = this;
    this.longest = 0;
    return longest;
  }
}
