import { spelled } from '../../core/filter/fields.js';
import type { Subscription } from '../../core/session/subscription.js';
import type { SubscriptionFilter } from '../../core/filter/subscription-request.js';

/** Returns the effective filter with the names of this dialect: aliases resolved, the threshold rounded to a step. */
export function filterAnswer(filter: SubscriptionFilter): Readonly<Record<string, unknown>> {
  const { same, renamed } = spelled(filter, 'webSocket');
  return { ...renamed, ...same };
}

/** Returns one subscription as an item of the answer `subscriptions`. */
export function subscriptionAnswer({ id, request, subscribedAt }: Subscription): Readonly<Record<string, unknown>> {
  const { channel = request.type, filter } = request;
  return { subscriptionId: id, channel, filters: filterAnswer(filter), subscribedAt };
}
