import { EVENT_TYPES, eventTypesWhere, type EventType } from '../../events/index.js';
import { distinct } from './filter-readers.js';
import type { DomainError } from '../../platform/errors/domain-error.js';
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

/**
 * Throws what `fault` makes if no event of any request has a type that its `eventTypes` names: the subscription would wait for
 * ever. Several channels share one filter, so it is enough that one of them can bring something; announcements have no types.
 */
export function assertPossibleTypes(
  requests: readonly SubscriptionRequest[],
  fault: (detail: string) => DomainError,
): void {
  const possible = distinct(requests.flatMap(selectedTypes));
  if (possible.length === 0 || requests.some((request) => narrowedTypes(request, request.filter.types).length > 0))
    return;
  throw fault(`must have at least one of ${possible.join(', ')}`);
}
