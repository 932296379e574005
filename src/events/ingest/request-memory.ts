/** The item of a request that counts for its key so far. */
export interface Counting {
  index: number;
  /** When it was observed, Unix milliseconds. */
  at: number;
  /** It was written, so that a later item of the request takes its acceptance away. */
  accepted: boolean;
}

/** Keys that a request remembers; a stream that names more forgets the ones it has not named for longest. */
const MAX_KEYS = 100_000;

/**
 * Which item of one request counts for each key: the newest, of equal times the later, the same however the request was
 * cut into batches. An item without a time is later than every one before it.
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
