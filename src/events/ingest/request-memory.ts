/** Item of a request that so far counts for its key. */
interface Counting {
  index: number;
  /** Time of the observation, Unix milliseconds. */
  at: number;
  /** Whether the item was written; a later item of the request then replaces it in the number of accepted items. */
  accepted: boolean;
}

/**
 * Maximum number of keys remembered per request; above it, those that were set least recently are removed. A plain map,
 * because an LRU cache reserves the memory for its maximum, here with every request.
 */
const MAX_KEYS = 100_000;

/**
 * Holds the item of a request that counts for each key: the newest one; if times are equal, the one that comes later in the
 * request. An item without a time is newer than all items before it. The result does not depend on how the request was
 * divided into batches.
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

/** Whether an item supersedes an earlier item of the request with the same key. */
export function supersedes(given: number | undefined, earlier: Pick<Counting, 'at'>): boolean {
  return given === undefined || given >= earlier.at;
}
