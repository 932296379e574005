import { EVENT_TYPES, eventTypesWhere, type EventType } from '../../../events/index.js';
import { distinct } from './readers.js';
import type { DomainError } from '../../../platform/errors/domain-error.js';
import type { SubscriptionRequest } from './subscription-request.js';

/**
 * Returns the event types of a subscription before its filter `eventTypes` narrows them; for a channel these are in
 * `selects`.
 */
export function selectedTypes({ selects, type }: SubscriptionRequest): readonly EventType[] {
  if (selects !== undefined) return selects;
  return type === 'channel' ? EVENT_TYPES : eventTypesWhere(({ followedBy }) => followedBy.includes(type));
}

/** Returns the requested types that the subscription can deliver, in a fixed order. */
export function narrowedTypes(request: SubscriptionRequest, asked: readonly EventType[] | undefined): EventType[] {
  return selectedTypes(request)
    .filter((type) => asked === undefined || asked.includes(type))
    .sort();
}

/**
 * Throws the error of `fault` if the `eventTypes` filters exclude all event types of the requests: the subscription would
 * never receive an event. Several channels share one filter, so it is enough that one of them can deliver an event;
 * announcements have no event types.
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
