import { eventPayload, formatCursor, isDelivered, type LogEvent } from '../../events/index.js';
import type { DeliveredEvent } from '../core/encoded-event.js';
import { mismatches } from '../core/filter.js';
import type { Session } from '../core/session.js';
import type { Subscription } from '../core/subscription.js';
import type { Explanation, SubscriptionVerdict } from './operations.dto.js';

/** Explains why an event reaches a connection or does not, by the same functions that route it. */
export function explain(session: Session, event: LogEvent): Explanation {
  if (!isDelivered(event)) throw new Error('Internal rows have no explanation');
  const subscriptions = [...session.subscriptions.values()].map((one) => verdictOn(one, session, event));
  const matching = subscriptions.filter(({ matches }) => matches).length;
  return {
    connectionId: session.id,
    eventId: eventPayload(event).eventId,
    cursor: formatCursor(event.epoch, event.seq),
    eventType: event.type,
    reaches: matching > 0,
    summary: summarise(matching, subscriptions.length),
    subscriptions,
  };
}

function summarise(matching: number, all: number): string {
  if (all === 0) return 'The connection has no subscription.';
  if (matching === 0) return `None of ${all} subscriptions matches.`;
  return `${matching} of ${all} subscriptions match; the event is sent once.`;
}

function verdictOn(subscription: Subscription, session: Session, event: DeliveredEvent): SubscriptionVerdict {
  const failed = firstFailing(subscription, session, event);
  return {
    subscription: subscription.describe(),
    matches: failed === undefined,
    failed: failed ?? null,
    detail: failed === undefined ? null : detailOf(failed, subscription, event),
  };
}

function firstFailing(subscription: Subscription, session: Session, event: DeliveredEvent): string | undefined {
  const { caller } = session.identity;
  if (event.owner !== null && event.owner !== caller.userId && !subscription.filter.all) return 'owner';
  const [mismatch] = mismatches(subscription.filter, event);
  if (mismatch !== undefined) return mismatch;
  return subscription.coveredFrom >= event.seq ? 'subscribed_later' : undefined;
}

const DIMENSION_OF: Readonly<Record<string, 'protocol' | 'chain' | 'token'>> = {
  protocols: 'protocol',
  chains: 'chain',
  tokens: 'token',
};

function detailOf(failed: string, { filter, request }: Subscription, event: DeliveredEvent): string {
  const dimension = DIMENSION_OF[failed];
  if (dimension) return `wants ${listed(filter[dimension])}, the event has ${event[dimension] ?? 'none'}`;
  if (failed === 'eventTypes') return `wants ${filter.types.join(', ')}, the event is ${event.type}`;
  if (failed === 'threshold') return `wants ${request.filter.threshold}, the event moved ${event.moved}`;
  if (failed === 'range') {
    const wanted = `${filter.minValue ?? 0} to ${filter.maxValue ?? 'any'}`;
    return `wants ${wanted}, the event goes from ${event.previous} to ${event.current}`;
  }
  if (failed === 'owner') return 'the event belongs to another user';
  return 'the event is older than the subscription, which did not ask to continue before it';
}

function listed(values: ReadonlySet<string> | undefined): string {
  return values === undefined ? 'one' : [...values].slice(0, 10).join(', ');
}
