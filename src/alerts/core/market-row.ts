import type { LogEvent } from '../../events/core/index.js';

/** Members of a log row that the evaluator reads. Every `LogEvent` has them. */
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

/** Value that was published before the evaluator's position. Times are Unix ms, money is US dollars. */
export interface HistoryPoint {
  readonly metric: 'tvl' | 'price';
  /** Protocol, if `metric` is tvl. */
  readonly protocol: string | null;
  readonly chain: string | null;
  /** Token, if `metric` is price. */
  readonly token: string | null;
  readonly value: number;
  readonly volume24h?: number | null;
  readonly marketCap?: number | null;
  /** Category as published with the value; absent: unknown. */
  readonly category?: string | null;
  readonly tags?: readonly string[];
  readonly at: number;
  /** Time of publication, Unix ms; if unknown, the time of observation is used. */
  readonly loggedAt?: number | null;
  /** Whether a later chain of the same write completes the protocol's total (`markParts`). */
  readonly isPart?: boolean;
}

/** Numbers of an account as the last `points_change` announced them. */
export interface AccountNumbers {
  readonly account: string;
  readonly points: number;
  readonly staked_tokens: number;
  /** Time to which they refer, Unix ms. */
  readonly at: number;
}

/** Key whose last observation is needed: a protocol (with all its chains if `chain` is null), or a token. */
export type Observed = Pick<HistoryPoint, 'metric' | 'protocol' | 'chain' | 'token'>;

/** Last observation of a key, published or not, Unix ms; null: the row no longer exists. */
export interface Observation extends Observed {
  readonly at: number | null;
}

/** Stored history that the windows of a rule need. A null member matches all. */
export interface HistoryNeed {
  readonly metric: 'tvl' | 'price';
  readonly protocol: string | null;
  /** Chain; null: all chains (a total is computed from its chains). */
  readonly chain: string | null;
  readonly token: string | null;
  /** Length of the history, seconds; the last point before it is needed, too. */
  readonly seconds: number;
}

/**
 * Maximum time by which an observation may be in the future, ms. A value from further ahead counts as observed when it
 * was logged, as in the stored history.
 */
const MAX_FUTURE_MS = 300_000;

/** Returns the time of observation of a row's value, Unix ms, by the same rule as the stored history. */
export function observedTime({ observedAt, loggedAt }: MarketRow): number {
  return observedAt > loggedAt + MAX_FUTURE_MS ? loggedAt : Math.max(0, observedAt);
}
