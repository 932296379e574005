import type { Caller } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { SubscriptionRequest } from './subscription.js';

/** Throws what keeps this caller from this subscription. */
export function assertMaySubscribe(caller: Caller, { type, all }: SubscriptionRequest): void {
  if (type === 'query') throw new DomainError('invalid_request', 'live queries are not available', { field: 'type' });
  if (caller.subscriptionTypes && !caller.subscriptionTypes.includes(type)) {
    throw new DomainError('forbidden', `This key may not subscribe to ${type}.`, { field: 'type' });
  }
  if (all === true && caller.role !== 'admin') {
    throw new DomainError('forbidden', 'Only admins may see the events of every owner.', { field: 'all' });
  }
}
