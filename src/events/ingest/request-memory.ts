/** Item of a request that counts for its key so far. */
export interface Counting {
  index: number;
  /** Time of the observation, Unix milliseconds. */
  at: number;
  /** Whether it was written: a later item of the request then replaces it among the accepted ones. */
  accepted: boolean;
}

/** Maximum number of keys that a request remembers; beyond it the least recently named ones are dropped. */
const MAX_KEYS = 100_000;

/**
 * Items of one request that count for their key: the newest, of equal times the later, the same however the request was cut
 * into batches. An item without a time is later than every one before it.
 */
export class RequestMemory {
  private readonly keys = new Map<string, Counting>();

  get(key: string): Counting | undefined {
    return this.keys.get(key);
  }

  set(key: string, counting: Counting): void {
    this.keys.delete(key);
    this.keys.set(key, counting);
    if (this.keys.size <= MAX_KEYS) return;
    const [oldest] = this.keys.keys();
    if (oldest !== undefined) this.keys.delete(oldest);
  }
}

/** Whether an item counts although another of its key came before it in the request. */
export function supersedes(given: number | undefined, earlier: Pick<Counting, 'at'>): boolean {
  return given === undefined || given >= earlier.at;
}
