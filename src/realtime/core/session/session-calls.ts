import type { SpelledFilter } from '../filter/fields.js';
import type { SubscriptionType } from '../filter/subscription-request.js';
import type { SnapshotSummary } from './snapshot.js';

export type DeliveryMode = 'all' | 'latest';

export interface SubscribeOptions {
  /** Cursor after which to continue: missed events are sent before the answer. */
  since?: string;
  /** Sends the matching published values first; live events follow without a gap. */
  snapshot?: boolean;
  /** Delivery mode of the connection; the last call wins. */
  mode?: DeliveryMode;
  intervalMs?: number;
}

/**
 * Reasons for an incomplete replay: the cursor is too old, the cursor belongs to another log, or the replay exceeded a
 * limit.
 */
export type ReplayFailure = 'cursor_expired' | 'epoch' | 'replay_limit';

/** Outcome of a `subscribe` with `since`. */
export interface Recovery {
  recovered?: boolean;
  reason?: ReplayFailure;
  /** Number of events sent between the `subscribe` call and its answer. */
  replayed?: number;
  snapshot?: SnapshotSummary;
}

/** Subscription as answers show it. */
export interface SubscriptionInfo extends SpelledFilter {
  id: string;
  type: SubscriptionType;
  channel?: string;
  all?: boolean;
  /** Interval of a live query, ms. */
  intervalMs?: number;
}

export interface SubscribeAnswer extends Recovery {
  subscriptions: SubscriptionInfo[];
  cursor: string;
}

export interface UnsubscribeAnswer {
  removed: SubscriptionInfo[];
  cursor: string;
}
