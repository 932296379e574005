import type { Subscription, SubscriptionFilter } from '../../core/subscription.js';

/** Returns the filter in effect under the names of this dialect: aliases resolved, the threshold a step. */
export function filterAnswer(filter: SubscriptionFilter): Readonly<Record<string, unknown>> {
  const { protocols, tokens, types, ...same } = filter;
  return {
    ...(protocols ? { protocolIds: protocols } : {}),
    ...(tokens ? { tokenIds: tokens } : {}),
    ...(types ? { eventTypes: types } : {}),
    ...same,
  };
}

/** Returns one subscription as `subscriptions` lists it. */
export function subscriptionAnswer({ id, request, subscribedAt }: Subscription): Readonly<Record<string, unknown>> {
  const { channel = request.type, filter } = request;
  return { subscriptionId: id, channel, filters: filterAnswer(filter), subscribedAt };
}
