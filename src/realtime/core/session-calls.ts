import type { Recovery } from './catch-up.js';
import type { SubscriptionInfo } from './subscription.js';

export type DeliveryMode = 'all' | 'latest';

export interface SubscribeOptions {
  /** Continue after this cursor: what was missed comes before the answer. */
  since?: string;
  /** Send the published values that match, joined with live events without a hole. */
  snapshot?: boolean;
  /** Belongs to the connection; the last call wins. */
  mode?: DeliveryMode;
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
