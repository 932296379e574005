import type { Recovery } from './catch-up.js';
import type { SubscriptionInfo } from './subscription.js';

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

export interface SubscribeAnswer extends Recovery {
  subscriptions: SubscriptionInfo[];
  cursor: string;
}

export interface UnsubscribeAnswer {
  removed: SubscriptionInfo[];
  cursor: string;
}
