/**
 * Events and other values that a subscription gives, as one union discriminated by `eventType`. The package of the client
 * contains these types alone; a test compares them with the catalogue of events and with the AsyncAPI document.
 */

/** Fields of every event. */
interface CommonFields {
  /** UUIDv7, the same on every transport and in every replay. */
  readonly eventId: string;
  /** Position in the log; cursors of one log compare as plain strings. */
  readonly cursor: string;
  /** Time of observation, Unix milliseconds. */
  readonly timestamp: number;
  readonly source: string;
  /** 0 to 1. */
  readonly confidence: number;
  readonly tags: readonly string[];
  readonly correlationId?: string;
  /** Number of events of the key that this one represents; present only if the server merged them. */
  readonly merged?: number;
}

/** Fields of events that writers post. */
interface PostedFields {
  readonly protocol?: string;
  readonly chain?: string;
  readonly token?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Fields of each event type. Money is US dollars; `…Percent` is percent: 10 is 10 %. */
export interface EventFields {
  tvl_change: {
    readonly protocol: string;
    readonly name: string | null;
    readonly category: string | null;
    readonly chain: string;
    readonly previousTvl: number | null;
    readonly currentTvl: number;
    readonly changePercent: number | null;
    readonly changeAbsolute: number | null;
    /** Largest step whose reference the value left, a fraction: 0.05 is 5 %. */
    readonly moved: number | null;
    readonly protocolTvl: number | null;
  };
  price_change: {
    readonly token: string;
    readonly symbol: string | null;
    readonly chain: string | null;
    readonly previousPrice: number | null;
    readonly currentPrice: number;
    readonly changePercent: number | null;
    readonly changeAbsolute: number | null;
    /** Largest step whose reference the value left, a fraction: 0.05 is 5 %. */
    readonly moved: number | null;
    readonly volume24h: number | null;
    readonly marketCap: number | null;
  };
  protocol_update: {
    readonly protocol: string;
    readonly name: string | null;
    readonly category: string | null;
    readonly updateType: 'listed' | 'status' | 'category' | 'chain_added' | 'chain_removed' | 'metadata';
    readonly changes: readonly {
      readonly field: string;
      readonly previousValue: unknown;
      readonly currentValue: unknown;
    }[];
  };
  liquidation: PostedFields;
  governance: PostedFields;
  emission: PostedFields;
  alert: {
    readonly alertId: string;
    readonly ruleId: string;
    readonly name: string;
    readonly state: 'fired' | 'resolved' | 'summary' | 'retracted';
    readonly type: string;
    readonly message: string;
    readonly priority: string;
    readonly protocol?: string;
    readonly chain?: string;
    readonly token?: string;
    readonly account?: string;
    readonly metric: string;
    readonly value: number | null;
    readonly threshold: number | null;
    readonly explanation: unknown;
  };
  points_change: {
    readonly account: string;
    readonly chain: string;
    /** Decimal text, as are the other points. */
    readonly previousPoints: string;
    readonly currentPoints: string;
    readonly pending: string;
    readonly final: string;
    /** Tokens that the account stakes, decimal text. */
    readonly stakedTokens: string;
    readonly reason: string;
  };
  chain_reorg: {
    readonly chain: string;
    readonly oldHead: string;
    readonly newHead: string;
    /** Blocks replaced. */
    readonly depth: number;
    /** `eventId`s of retracted events, the newest first. */
    readonly retracted: readonly string[];
    readonly part: number;
    readonly parts: number;
  };
  onchain_event: {
    readonly onchainId: string;
    readonly chain: string;
    readonly contract: string;
    readonly kind: string;
    readonly blockNumber: number;
    readonly blockHash: string;
    readonly transactionHash: string;
    readonly logIndex: number;
    readonly from: string | null;
    readonly to: string | null;
    /** Whole number as text: it may exceed 2^53. */
    readonly startTokenId: string | null;
    readonly quantity: string | null;
    readonly tokenIds?: readonly string[];
    readonly quantities?: readonly string[];
    readonly staker?: string;
    readonly status: 'pending' | 'final';
  };
}

export type EventType = keyof EventFields;

/** One event; `eventType` tells which fields it has. */
export type DefiEvent = {
  [Type in EventType]: { readonly eventType: Type } & CommonFields & EventFields[Type];
}[EventType];

/** Published value in a snapshot. */
export type SnapshotItem = {
  readonly chain: string | null;
  /** Time of observation, Unix milliseconds. */
  readonly timestamp: number;
  readonly source: string;
  readonly confidence: number;
  readonly tags: readonly string[];
  readonly cursor: string;
} & (
  | {
      readonly metric: 'tvl';
      readonly protocol: string;
      readonly name: string | null;
      readonly category: string | null;
      readonly tvl: number;
    }
  | {
      readonly metric: 'price';
      readonly token: string;
      readonly symbol: string | null;
      readonly price: number;
      readonly volume24h: number | null;
      readonly marketCap: number | null;
    }
);

export type GapReason = 'cursor_expired' | 'replay_limit' | 'epoch' | 'slow_consumer';

/** Events are missing. A snapshot follows, which replaces the state; an iterator that fell behind keeps the newest per key. */
export interface Gap {
  readonly eventType: 'gap';
  readonly reason: GapReason;
  /** Last position before the gap, and first position after it. */
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** The connection was lost, and everything missed has been given before this value. */
export interface Recovered {
  readonly eventType: 'recovered';
  /** Number of missed events. */
  readonly count: number;
  readonly from: string;
  readonly to: string;
  /** Time from the loss of the connection until now, ms; 0 if the position came from a store. */
  readonly ms: number;
}

/** Published values that match the filter, at one position: replaces earlier state in one step. */
export interface Snapshot {
  readonly eventType: 'snapshot';
  readonly items: readonly SnapshotItem[];
  readonly cursor: string;
}

/** Row of a live query; `_key` identifies it. */
export type QueryRow = Readonly<Record<string, unknown>> & { readonly _key: string };

/** Whole result of a live query; replaces the earlier one. */
export interface QueryResult {
  readonly eventType: 'query_result';
  readonly rows: readonly QueryRow[];
  readonly cursor: string;
}

/** Differences between the previous result of a live query and the current one. */
export interface QueryChange {
  readonly eventType: 'query_change';
  readonly added: readonly QueryRow[];
  readonly changed: readonly QueryRow[];
  /** `_key`s of removed rows. */
  readonly removed: readonly string[];
  readonly cursor: string;
}

/** Everything that a subscription gives, in order. */
export type StreamMessage = DefiEvent | Gap | Recovered | Snapshot | QueryResult | QueryChange;

export const isEvent = (message: StreamMessage): message is DefiEvent => 'eventId' in message;
