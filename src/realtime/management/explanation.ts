import { eventPayload, formatCursor, isDelivered, type LogEvent } from '../../events/index.js';
import type { DeliveredEvent } from '../core/wire/encoded-event.js';
import { CONDITIONS, isCondition } from '../core/filter/conditions.js';
import { mismatches } from '../core/filter/filter.js';
import type { Session } from '../core/session/session.js';
import type { Subscription } from '../core/session/subscription.js';
import type { Explanation, SubscriptionVerdict } from './operations.dto.js';

/** Explains why an event reaches a connection or does not, with the same functions that route events. */
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

function detailOf(failed: string, subscription: Subscription, event: DeliveredEvent): string {
  if (isCondition(failed)) return CONDITIONS[failed].explain(subscription, event);
  if (failed === 'owner') return 'the event belongs to another user';
  return 'the event is older than the subscription, which did not request a replay from before it';
}
