import { LRUCache } from 'lru-cache';

/** First and longest pause of a key, ms. Each pause is twice as long as the one before. */
const FIRST_PAUSE_MS = 250;
const MAX_PAUSE_MS = 5_000;
/** Time without a refusal after which the pauses of a key start again with the first, ms. */
const RESET_DELAY_MS = 60_000;
const MAX_KNOWN_KEYS = 10_000;

interface Pause {
  ms: number;
  at: number;
}

/**
 * Pauses before a refused client's connection ends and its library reconnects: socket.io-client's own back-off restarts with
 * every connection that the engine accepts, so the server has to slow it down.
 */
export class RefusalPauses {
  private readonly byKey = new LRUCache<string, Pause>({ max: MAX_KNOWN_KEYS });

  constructor(private readonly elapsed: () => number) {}

  /** Returns the pause for one more refusal of a key, ms; `isFirst`: no refusal within the last minute. */
  next(key: string): { ms: number; isFirst: boolean } {
    const now = this.elapsed();
    const known = this.byKey.get(key);
    const isFirst = known === undefined || now - known.at > RESET_DELAY_MS;
    const ms = isFirst ? FIRST_PAUSE_MS : Math.min(known.ms * 2, MAX_PAUSE_MS);
    this.byKey.set(key, { ms, at: now });
    return { ms, isFirst };
  }
}
