import type { EventType } from './event-catalogue.js';

/**
 * Types of log rows that no client receives. `tick` is the clock of the log's readers, one every 10 s. A baseline is the
 * first value of a key; the hot cache and the history need it, subscribers do not. A removal means that the owner of the
 * tables deleted a row.
 */
export const INTERNAL_TYPES = [
  'tick',
  'tvl_baseline',
  'price_baseline',
  'tvl_removed',
  'price_removed',
  'protocol_removed',
] as const;
type InternalType = (typeof INTERNAL_TYPES)[number];

export type LogType = EventType | InternalType;

/** Type in memory of a row whose type this version does not know: a newer version wrote it before a rollback or during an update. */
export const UNKNOWN_TYPE = 'unknown';

const internal: ReadonlySet<string> = new Set(INTERNAL_TYPES);

/** Whether a row of the log is an event that a client may receive. */
export function isDelivered(event: LogEvent): event is LogEvent & { type: EventType } {
  return event.type !== UNKNOWN_TYPE && !internal.has(event.type);
}

/**
 * Row of the event log in memory. Times are Unix milliseconds, money is US dollars, `moved` is a fraction. Fields that a
 * type does not have are null.
 */
export interface LogEvent {
  /** Number of the event: without gaps and increasing. */
  readonly seq: number;
  /** Epoch of the log; `epoch` and `seq` form the cursor. */
  readonly epoch: string;
  readonly type: LogType | typeof UNKNOWN_TYPE;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
  /** Last published value before this event; null for baselines and events without a number. */
  readonly previous: number | null;
  readonly current: number | null;
  /** Largest step that the change reached, compared with the step's own reference value; 0 if it reached none. */
  readonly moved: number | null;
  /** Sum of published values over the protocol's real chains at publication. */
  readonly protocolTvl: number | null;
  readonly name: string | null;
  readonly category: string | null;
  readonly symbol: string | null;
  readonly volume24h: number | null;
  readonly marketCap: number | null;
  /** `protocol_update`: {updateType, changes}; other types: their payload. */
  readonly data: Readonly<Record<string, unknown>> | null;
  readonly source: string;
  /** Confidence that the writer gave, 0 to 1. Clients receive the effective confidence (core/confidence.ts). */
  readonly confidence: number;
  readonly tags: readonly string[];
  readonly observedAt: number;
  /** Time at which the trigger recorded the change, inside the writer's transaction. */
  readonly capturedAt: number;
  /** Time at which the sequencer numbered the event. */
  readonly loggedAt: number;
  /** User who alone may see the row; null: every user may. */
  readonly owner: string | null;
  readonly correlationId: string | null;
  readonly traceParent: string | null;
}
