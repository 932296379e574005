import type { LogEvent } from '../../events/core/index.js';

/** The part of a row of the event log that the evaluator looks at. Every `LogEvent` is one. */
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

/** A published value from before the evaluator's position. Times are Unix ms, money US dollars. */
export interface HistoryPoint {
  readonly metric: 'tvl' | 'price';
  /** `metric` tvl. */
  readonly protocol: string | null;
  readonly chain: string | null;
  /** `metric` price. */
  readonly token: string | null;
  readonly value: number;
  readonly volume24h?: number | null;
  readonly marketCap?: number | null;
  /** As published with it; absent: not known. */
  readonly category?: string | null;
  readonly tags?: readonly string[];
  readonly at: number;
  /** When it was published; where that is not known any more it counts as published when it was observed. */
  readonly loggedAt?: number | null;
}

/** Key that is asked for its last observation: a protocol (`chain` null: all of its chains), or a token. */
export type Observed = Pick<HistoryPoint, 'metric' | 'protocol' | 'chain' | 'token'>;

/** When it was observed last, published or not, Unix ms; null: there is no such row any more. */
export interface Observation extends Observed {
  readonly at: number | null;
}

/** Which stored history a rule's windows look back on. Null: every one. */
export interface HistoryNeed {
  readonly metric: 'tvl' | 'price';
  readonly protocol: string | null;
  /** Null: every chain (totals are summed from their chains). */
  readonly chain: string | null;
  readonly token: string | null;
  /** How far back, in seconds; the last point before that is needed too. */
  readonly seconds: number;
}

/** A value from further ahead is taken as observed when it was logged; so does the stored history. */
const LONGEST_AHEAD_MS = 300_000;

/** When a row's value was observed, Unix ms, as the stored history has it. */
export function observedTime({ observedAt, loggedAt }: MarketRow): number {
  return observedAt > loggedAt + LONGEST_AHEAD_MS ? loggedAt : Math.max(0, observedAt);
}
