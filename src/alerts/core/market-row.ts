import type { LogEvent } from '../../events/core/index.js';

/** Part of a row of the event log that the evaluator reads. Every `LogEvent` is one. */
export type MarketRow = Pick<
  LogEvent,
  | 'type'
  | 'protocol'
  | 'chain'
  | 'token'
  | 'previous'
  | 'current'
  | 'volume24h'
  | 'marketCap'
  | 'observedAt'
  | 'loggedAt'
> &
  Partial<Pick<LogEvent, 'seq' | 'epoch' | 'data' | 'category' | 'tags'>>;

/** Published value from before the evaluator's position. Times are Unix ms, money US dollars. */
export interface HistoryPoint {
  readonly metric: 'tvl' | 'price';
  /** Protocol, for `metric` tvl. */
  readonly protocol: string | null;
  readonly chain: string | null;
  /** Token, for `metric` price. */
  readonly token: string | null;
  readonly value: number;
  readonly volume24h?: number | null;
  readonly marketCap?: number | null;
  /** Category as published with the value; absent: unknown. */
  readonly category?: string | null;
  readonly tags?: readonly string[];
  readonly at: number;
  /** Time of publication, Unix ms; if unknown the value counts as published when it was observed. */
  readonly loggedAt?: number | null;
}

/** Key whose last observation is needed: a protocol (`chain` null: all of its chains), or a token. */
export type Observed = Pick<HistoryPoint, 'metric' | 'protocol' | 'chain' | 'token'>;

/** Last observation of a key, published or not, Unix ms; null: the row no longer exists. */
export interface Observation extends Observed {
  readonly at: number | null;
}

/** Stored history that a rule's windows look back on. Null: every one. */
export interface HistoryNeed {
  readonly metric: 'tvl' | 'price';
  readonly protocol: string | null;
  /** Chain; null: every one (totals are summed from their chains). */
  readonly chain: string | null;
  readonly token: string | null;
  /** Length of the history, seconds; the last point before it is needed too. */
  readonly seconds: number;
}

/**
 * Maximum time that a value may be ahead, ms: a value from further ahead counts as observed when it was logged, as in the stored
 * history.
 */
const MAX_AHEAD_MS = 300_000;

/** Returns the time at which a row's value was observed, Unix ms, as in the stored history. */
export function observedTime({ observedAt, loggedAt }: MarketRow): number {
  return observedAt > loggedAt + MAX_AHEAD_MS ? loggedAt : Math.max(0, observedAt);
}
