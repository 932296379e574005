import { isShortChannel } from '../../../events/index.js';
import { DomainError, type SocketError } from '../../../platform/errors/domain-error.js';
import type { ClientMessage, MessageId, NamedChannel } from '../../core/request/parse-websocket.js';
import type { Session } from '../../core/session/session.js';
import type { SubscribeAnswer } from '../../core/session/session-calls.js';
import type { Subscription } from '../../core/session/subscription.js';
import { filterAnswer, subscriptionAnswer } from './answers.js';
import type { WebSocketLink } from './websocket-link.js';
import type { SubscriptionRequest } from '../../core/filter/subscription-request.js';

type Of<T extends ClientMessage['type']> = Extract<ClientMessage, { type: T }>;
type Command = Exclude<ClientMessage, { type: 'authenticate' }>;

/**
 * Performs one message of an authenticated client and sends the answer. Throws if the message is invalid or not allowed.
 */
export async function runCommand(message: Command, session: Session, link: WebSocketLink, now: number): Promise<void> {
  switch (message.type) {
    case 'ping':
      return link.answer('pong', message.id, { timestamp: now });
    case 'subscribe':
      return message.query
        ? subscribeQuery(message, message.query, session, link, now)
        : subscribe(message, session, link, now);
    case 'unsubscribe':
      return unsubscribe(message, session, link);
    case 'update_filters':
      return updateFilters(message, session, link);
    case 'subscriptions': {
      const subscriptions = [...session.subscriptions.values()].map(subscriptionAnswer);
      const queries = session.list().filter(({ type }) => type === 'query');
      return link.answer('subscriptions', message.id, { subscriptions, queries, cursor: session.cursor });
    }
    case 'stats':
      return link.answer('stats', message.id, statsOf(session, link));
  }
}

async function subscribe(message: Of<'subscribe'>, session: Session, link: WebSocketLink, now: number): Promise<void> {
  const { id, channels, filter, options } = message;
  const requests = channels.flatMap(({ request }) => request ?? []);
  const older = [...session.subscriptions.values()];
  const answer: SubscribeAnswer =
    requests.length > 0 ? await session.subscribe(requests, options) : { subscriptions: [], cursor: session.cursor };
  await forgetReplaced(session, older, answer);
  const { subscriptions, ...position } = answer;
  const idOf = new Map(subscriptions.map((subscription) => [subscription.channel, subscription.id]));
  const full = channels
    .filter(({ channel, request }) => request && !isShortChannel(channel))
    .map(({ channel }) => channel);
  const others = channels.filter(({ channel }) => !full.includes(channel));
  if (others.length > 0) {
    const filters = filterAnswer(filter);
    const results = others.map((named) => subscribedResult(named, idOf.get(named.channel), filters));
    link.answer('subscription_result', id, { results, ...position });
  }
  if (full.length > 0) {
    const subscriptionIds = full.map((channel) => idOf.get(channel));
    const subscription = { channels: full, filters: filterAnswer(filter), subscribedAt: now, subscriptionIds };
    link.answer('subscription_confirmed', id, { subscription, ...position });
  }
}

async function subscribeQuery(
  { id }: Of<'subscribe'>,
  query: SubscriptionRequest,
  session: Session,
  link: WebSocketLink,
  now: number,
): Promise<void> {
  const { subscriptions, cursor } = await session.subscribe([query]);
  link.answer('subscription_confirmed', id, { subscription: { ...subscriptions[0], subscribedAt: now }, cursor });
}

/**
 * Removes the previous subscriptions of a channel that was subscribed again: the new subscription was added first, so no
 * event is lost in between.
 */
async function forgetReplaced(
  session: Session,
  older: readonly Subscription[],
  answer: SubscribeAnswer,
): Promise<void> {
  const stays = new Set(answer.subscriptions.map(({ id }) => id));
  const channels = new Set(answer.subscriptions.map(({ channel }) => channel));
  for (const { id, request } of older) {
    if (request.channel !== undefined && channels.has(request.channel) && !stays.has(id))
      await session.unsubscribe({ id });
  }
}

function subscribedResult(
  { channel, request }: NamedChannel,
  id: string | undefined,
  filters: object,
): Readonly<Record<string, unknown>> {
  const answered = Object.keys(filters).length > 0 ? { filters } : {};
  if (request) return { channel, status: 'subscribed', subscriptionId: id, ...answered };
  return { channel, status: 'error', error: noChannel(channel) };
}

function noChannel(channel: string): SocketError {
  const message = `${channel} is not a channel; see /asyncapi.yaml.`;
  return new DomainError('invalid_request', message, { field: 'channels' }).toSocket();
}

async function unsubscribe(message: Of<'unsubscribe'>, session: Session, link: WebSocketLink): Promise<void> {
  const { id, channels, subscriptionId } = message;
  if (subscriptionId !== undefined) {
    const { removed, cursor } = await session.unsubscribe({ id: subscriptionId, ...(channels && { channels }) });
    const status = removed.length > 0 ? 'unsubscribed' : 'not_subscribed';
    return link.answer('unsubscription_result', id, { results: [{ subscriptionId, status }], cursor });
  }
  if (!channels) assertOfMessage(id, session, 'subscriptionId');
  const { removed, cursor } = await session.unsubscribe(channels ? { channels } : {});
  const gone = removed.flatMap(({ channel }) => channel ?? []);
  const results = (channels ?? gone).map((channel) => ({
    channel,
    status: gone.includes(channel) ? 'unsubscribed' : 'not_subscribed',
  }));
  link.answer('unsubscription_result', id, { results, cursor });
}

/**
 * Refuses a message whose `id` equals the id of a subscription: it names no subscription, so it would apply to all of
 * them.
 */
function assertOfMessage(id: MessageId | undefined, session: Session, field: string): void {
  if (typeof id !== 'string' || session.list().every((held) => held.id !== id)) return;
  throw new DomainError('invalid_request', `id must be the id of the message; name a subscription by ${field}.`, {
    field,
  });
}

async function updateFilters(message: Of<'update_filters'>, session: Session, link: WebSocketLink): Promise<void> {
  const { id, channels, filter, options } = message;
  if (!channels) assertOfMessage(id, session, 'channels');
  const held = [...session.subscriptions.values()].flatMap(({ request }) => request.channel ?? []);
  const unknown = channels?.find((channel) => !held.includes(channel));
  if (unknown !== undefined) throw new DomainError('not_found', `${unknown} is not subscribed.`, { field: 'channels' });
  const { subscriptions, cursor } = await session.updateFilters(channels ? { channels } : {}, filter, options);
  const updated = subscriptions.flatMap(({ channel }) => channel ?? []);
  link.answer('filters_updated', id, { channels: updated, filters: filterAnswer(filter), cursor });
}

function statsOf(session: Session, link: WebSocketLink): Readonly<Record<string, unknown>> {
  const { connectionId, transport, connectedAt, lastActivity, subscriptions } = session.info();
  const connection = { connectionId, transport, connectedAt, lastActivity, subscriptions, mode: session.mode };
  return { connection: { ...connection, bufferedBytes: link.bufferedBytes() }, cursor: session.cursor };
}
