import type { MarketRow } from './market-row.js';

/**
 * Reasons for a transition. `catch_up` is a first firing found while the evaluator catches up after it was stopped;
 * `after_snooze` and `after_flapping` report the current state (in `to`); `edited` is a resolution because the rule was
 * edited and no longer holds.
 */
export const TRANSITION_REASONS = [
  'first_fire',
  'repeat',
  'resolved',
  'throttle_summary',
  'catch_up',
  'after_snooze',
  'after_flapping',
  'edited',
] as const;
export type TransitionReason = (typeof TRANSITION_REASONS)[number];

/** Reasons why the owner is not notified of a transition; it is then only recorded in the history. */
export const SILENCES = ['throttled', 'snoozed', 'flapping'] as const;
export type Silence = (typeof SILENCES)[number];

export const PHASES = ['ok', 'pending', 'firing'] as const;
export type Phase = (typeof PHASES)[number];

/**
 * Values that one condition compared at a transition of its rule. Money is US dollars, changes are fractions, times are
 * Unix ms.
 */
export interface LeafReading {
  /** Position of the condition: first those of `conditions`, then those of `where` in reading order. */
  readonly condition: number;
  readonly holds: boolean;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
  /** Account, if the number is one of an account. */
  readonly account?: string;
  /** Compared number: the metric, its change (for `change_pct` and `change_*`), or a number in the data of an event. */
  readonly value: number | null;
  /** Current and previous published value of the metric. */
  readonly current: number | null;
  readonly previous: number | null;
  /** Reference of a change, and the time at which the reference was observed. */
  readonly reference: number | null;
  readonly referenceAt: number | null;
  /** Time at which `current` was observed. */
  readonly observedAt: number | null;
}

/** Firing that a throttle held back, as an entry of the summary. */
export interface HeldBack {
  readonly instanceKey: string;
  readonly protocol: string | null;
  readonly chain: string | null;
  readonly token: string | null;
  readonly account?: string;
  /** Value of the first condition that held when the instance last began to hold; null for events without a number. */
  readonly value: number | null;
  /** Time at which the instance last began to hold, Unix ms. */
  readonly at: number;
  /** Number of times that the instance began to hold. */
  readonly times: number;
  /** On-chain event that caused it, while the event is not final. */
  readonly onchainId?: string;
  /** Set if the instance no longer holds at the time of the summary. Events have no duration, so they never end. */
  readonly ended?: true;
}

/** On-chain events that a transition tells of, by their identity; `pending` ones may still be retracted in the usual way. */
export function onchainEventsOf({ event, heldBack }: Pick<Transition, 'event' | 'heldBack'>): {
  all: string[];
  pending: string[];
} {
  const held = heldBack.flatMap(({ onchainId }) => onchainId ?? []);
  const own = event === null ? undefined : onchainIdOf(event);
  const pending = event === null ? undefined : pendingIdOf(event);
  const together = (id: string | undefined): string[] => [...new Set(id === undefined ? held : [id, ...held])];
  return { all: together(own), pending: together(pending) };
}

function onchainIdOf({ type, data }: MarketRow): string | undefined {
  const id = type === 'onchain_event' ? data?.['onchainId'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

/** Returns the member of a firing that is held back which names its on-chain event, if that is not final yet. */
export function causeOf({ event }: Pick<Transition, 'event'>): Pick<HeldBack, 'onchainId'> {
  const onchainId = event === null ? undefined : pendingIdOf(event);
  return onchainId === undefined ? {} : { onchainId };
}

/** Returns the identity of an on-chain event that is not final yet. */
function pendingIdOf(row: MarketRow): string | undefined {
  return row.data?.['status'] === 'pending' ? onchainIdOf(row) : undefined;
}

/** Change of an instance of which its owner is notified, or of which it is not (`silenced`). Unique by (ruleId, seq). */
export interface Transition {
  readonly ruleId: string;
  readonly ruleVersion: number;
  /** Instance of a wildcard rule (`protocol=aave-v3`); empty for rules without wildcards and for summaries. */
  readonly instanceKey: string;
  /** Number of the transition within its rule, counted on over edits; starts at 1. */
  readonly seq: number;
  readonly from: Phase;
  readonly to: Phase;
  readonly reason: TransitionReason;
  /**
   * Number of firings that the throttle held back since the last message; only in summaries and in the first message
   * after a throttle.
   */
  readonly suppressed: number;
  /** Firings held back, one entry for each subject or event, oldest first, at most `MAX_HELD_BACK`. */
  readonly heldBack: readonly HeldBack[];
  /** Reason why the owner is not notified of the transition; null: the owner is notified. */
  readonly silenced: Silence | null;
  /** Whether the message must announce a pause of further messages because of flapping. */
  readonly flapNotice: boolean;
  /** Time at which the rule began to hold for this instance, Unix ms; null in summaries of a rule that no longer holds. */
  readonly since: number | null;
  readonly readings: readonly LeafReading[];
  /** Row of the log that caused the transition; null for ticks and edits. */
  readonly event: MarketRow | null;
  /** Time of the row of the log that caused the transition, Unix ms. */
  readonly at: number;
}
