import type { Caller } from '../../../access/index.js';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { selectedTypes } from '../filter/selected-types.js';
import { SUBSCRIPTION_TYPES, type SubscriptionRequest } from '../filter/subscription-request.js';

/** Throws if the caller may not have the subscription. */
export function assertMaySubscribe(caller: Caller, request: SubscriptionRequest): void {
  const { type, all } = request;
  if (caller.subscriptionTypes && !isCovered(request, caller.subscriptionTypes)) {
    throw new DomainError('forbidden', `This key may not subscribe to ${request.channel ?? type}.`, { field: 'type' });
  }
  if (all === true && caller.role !== 'admin') {
    throw new DomainError('forbidden', 'Only admins may see the events of all users.', { field: 'all' });
  }
}

/**
 * Whether the subscription types allowed to a key already include all events of a channel; the channel then needs no
 * separate right.
 */
function isCovered(request: SubscriptionRequest, allowed: readonly string[]): boolean {
  if (allowed.includes(request.type)) return true;
  if (request.type !== 'channel') return false;
  const isProtocol = request.about?.protocol !== undefined;
  const covered = SUBSCRIPTION_TYPES.filter((type) => allowed.includes(type) && (type !== 'protocol' || isProtocol));
  const events = new Set(covered.flatMap((type) => selectedTypes({ type, filter: {} })));
  return selectedTypes(request).every((event) => events.has(event));
}
