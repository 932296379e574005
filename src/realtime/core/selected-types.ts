import { EVENT_TYPES, eventTypesWhere, type EventType } from '../../events/index.js';
import type { SubscriptionRequest } from './subscription.js';

/** Returns the event types of a subscription before `eventTypes` narrows them; those of a channel are given with it. */
export function selectedTypes({ selects, type }: SubscriptionRequest): readonly EventType[] {
  if (selects !== undefined) return selects;
  return type === 'channel' ? EVENT_TYPES : eventTypesWhere(({ followedBy }) => followedBy.includes(type));
}

/** Returns the types among `asked` that the request selects, in a fixed order. */
export function narrowedTypes(request: SubscriptionRequest, asked: readonly EventType[] | undefined): EventType[] {
  return selectedTypes(request)
    .filter((type) => asked === undefined || asked.includes(type))
    .sort();
}
