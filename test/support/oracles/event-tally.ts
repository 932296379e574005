import type { SeenEvent } from '../clients/resuming-client.js';

type Change = Pick<SeenEvent, 'previous' | 'current'>;

interface Chain {
  count: number;
  last: number | null;
  digest: number;
}

const bits = new Float64Array(1);
const words = new Uint32Array(bits.buffer);

/**
 * Adds a change to a chain, a digest of a few bytes: chains are equal if number, values and order of their changes are
 * equal.
 */
function extend(chain: Chain | undefined, { previous, current }: Change): Chain {
  let digest = chain?.digest ?? 17;
  for (const value of [previous, current]) {
    bits[0] = value ?? -1;
    for (const word of words) digest = Math.imul(digest ^ word, 16_777_619) ^ (digest >>> 13);
  }
  return { count: (chain?.count ?? 0) + 1, last: current, digest };
}

/**
 * Events that a client received in one epoch. They are checked as they arrive and stored as one chain per key, because
 * hundreds of clients may follow hundreds of changes a second for minutes.
 */
export class EventTally {
  /** Number of events that arrived in order. */
  received = 0;
  /** Number of events that arrived again, or after a later one. */
  repeated = 0;
  /** Descriptions of the first irregularities. */
  readonly faults: string[] = [];
  private lastCursor = '';
  private readonly chains = new Map<string, Chain>();

  readonly add = (event: SeenEvent): void => {
    const { key, cursor, previous } = event;
    if (cursor <= this.lastCursor) {
      this.repeated += 1;
      this.note(`${key}: ${cursor} after ${this.lastCursor}`);
      return;
    }
    this.lastCursor = cursor;
    this.received += 1;
    const chain = this.chains.get(key);
    if (chain && chain.last !== previous) this.note(`${key}: ${cursor} goes on from ${previous}, not ${chain.last}`);
    this.chains.set(key, extend(chain, event));
  };

  /**
   * Returns the number of events missing for the wanted keys, compared with the committed changes; `faults` then contains
   * the keys that differ.
   */
  compare(expected: ReadonlyMap<string, readonly Change[]>, wants: (key: string) => boolean): number {
    let missing = 0;
    for (const [key, changes] of expected) {
      const due = wants(key) ? changes.reduce<Chain | undefined>(extend, undefined) : undefined;
      const got = this.chains.get(key);
      missing += Math.max(0, (due?.count ?? 0) - (got?.count ?? 0));
      if (due?.count !== got?.count || due?.digest !== got?.digest) {
        this.note(`${key}: ${got?.count ?? 0} changes instead of ${due?.count ?? 0}, or others`);
      }
    }
    return missing;
  }

  private note(fault: string): void {
    if (this.faults.length < 10) this.faults.push(fault);
  }
}
