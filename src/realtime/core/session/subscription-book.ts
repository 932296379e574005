import { DomainError } from '../../../platform/errors/domain-error.js';
import { hasFields } from '../filter/fields.js';
import { compileFilter, namesIn } from '../filter/filter.js';
import { invalid } from '../wire/input.js';
import type { KeptSubscription } from './kept-session.js';
import { assertPossibleTypes } from '../filter/selected-types.js';
import type { LogHost } from './log-host.js';
import type { SessionIdentity } from './session-identity.js';
import { assertMaySubscribe } from './subscription-rights.js';
import { Subscription, type Subscriber } from './subscription.js';
import type { SubscriptionFilter, SubscriptionRequest, SubscriptionSelector } from '../filter/subscription-request.js';
import type { SubscriptionInfo } from './session-calls.js';

/** Session that has the subscriptions. */
interface BookOwner extends Subscriber {
  readonly identity: SessionIdentity;
}

/** Services of the hub for the subscriptions of a session. */
export interface BookHost extends Pick<LogHost, 'limits' | 'position' | 'now'> {
  /** Includes the subscription in routing from now on. */
  register(subscription: Subscription): void;
  unregister(subscription: Subscription): void;
}

/**
 * Subscriptions of one session: checks the session's limits, stores equal requests once, and finds subscriptions by
 * selector.
 */
export class SubscriptionBook {
  readonly byId = new Map<string, Subscription>();
  private readonly byIdentity = new Map<string, Subscription>();
  private asked = 0;

  constructor(
    private readonly session: BookOwner,
    private readonly host: BookHost,
  ) {}

  /**
   * Adds all requests or none; `all` has one entry per request. For a subscription that already exists, it returns the
   * existing one.
   */
  add(requests: readonly SubscriptionRequest[]): { all: Subscription[]; fresh: Subscription[] } {
    for (const request of requests) assertMaySubscribe(this.session.identity.caller, request);
    const fresh = new Map<string, Subscription>();
    const all = requests.map((request) => {
      const made = this.make(request);
      const identity = identityOf(made);
      const known = this.byIdentity.get(identity) ?? fresh.get(identity);
      if (!known) fresh.set(identity, made);
      return known ?? made;
    });
    this.assertRoomFor([...this.byId.values(), ...fresh.values()]);
    for (const made of fresh.values()) this.enter(made);
    return { all, fresh: [...fresh.values()] };
  }

  /** Adds a subscription of an earlier session of the client, under its former id. */
  restore({ id, order, request }: KeptSubscription): Subscription {
    assertMaySubscribe(this.session.identity.caller, request);
    const made = this.make(request, { id, order });
    this.asked = Math.max(this.asked, order);
    this.enter(made);
    return made;
  }

  /** Whether a return of the client that is still running replays every requested subscription. */
  isReturning(requests: readonly SubscriptionRequest[]): boolean {
    return requests.every((request) => {
      const known = this.byIdentity.get(identityOf({ request, filter: compileFilter(request) }));
      return known?.replay?.isReturn === true && known.replay.until === undefined;
    });
  }

  describe(): SubscriptionInfo[] {
    return [...this.byId.values()].map((subscription) => subscription.describe());
  }

  remove(selector: SubscriptionSelector): Subscription[] {
    const named = this.select(selector);
    this.drop(named);
    return named;
  }

  update(selector: SubscriptionSelector, filter: SubscriptionFilter): Subscription[] {
    const named = this.find(selector);
    if (named.length === 0) throw nothingMatches();
    const requests = named.map((old) => refiltered(old.request, filter));
    assertPossibleTypes(requests, (detail) => invalid('eventTypes', detail));
    const changed = named.map((old, index) => {
      const made = this.make(requests[index] ?? old.request, old);
      return Object.assign(made, { from: old.from, replay: old.replay });
    });
    this.assertRoomFor([...[...this.byId.values()].filter((one) => !named.includes(one)), ...changed]);
    this.drop(named);
    const kept = changed.map((subscription) => {
      const known = this.byIdentity.get(identityOf(subscription));
      if (!known) this.enter(subscription);
      return known ?? subscription;
    });
    return [...new Set(kept)];
  }

  drop(subscriptions: readonly Subscription[]): void {
    for (const subscription of subscriptions) {
      if (!this.byId.delete(subscription.id)) continue;
      this.byIdentity.delete(identityOf(subscription));
      this.host.unregister(subscription);
    }
  }

  clear(): void {
    this.drop([...this.byId.values()]);
  }

  /** Throws if the subscriptions exceed the limits of one connection. */
  private assertRoomFor(subscriptions: readonly Subscription[]): void {
    const { subscriptionsPerConnection, namesPerConnection } = this.host.limits;
    if (subscriptions.length > subscriptionsPerConnection) {
      throw new DomainError(
        'limit_exceeded',
        `A connection must have at most ${subscriptionsPerConnection} subscriptions; unsubscribe from some, or put several ids into one.`,
      );
    }
    const names = subscriptions.reduce((sum, { filter }) => sum + namesIn(filter), 0);
    if (names > namesPerConnection) {
      throw new DomainError(
        'limit_exceeded',
        `The filters of a connection may contain ${namesPerConnection} names; unsubscribe from some, or open another connection.`,
      );
    }
  }

  private make(request: SubscriptionRequest, old?: Pick<Subscription, 'id' | 'order'>): Subscription {
    const order = old?.order ?? ++this.asked;
    const id = old?.id ?? `s${order}`;
    return new Subscription(
      this.session,
      id,
      order,
      request,
      compileFilter(request),
      this.host.now(),
      this.host.position,
    );
  }

  private enter(subscription: Subscription): void {
    this.byId.set(subscription.id, subscription);
    this.byIdentity.set(identityOf(subscription), subscription);
    this.host.register(subscription);
  }

  /** Returns the selected subscriptions. Throws if the selector names an unknown id. */
  find(selector: SubscriptionSelector): Subscription[] {
    const named = this.select(selector);
    if (named.length === 0 && selector.id !== undefined) throw nothingMatches();
    return named;
  }

  private select(selector: SubscriptionSelector): Subscription[] {
    return [...this.byId.values()].filter((subscription) => isNamed(subscription, selector));
  }
}

function nothingMatches(): DomainError {
  return new DomainError('not_found', 'No subscription of this connection matches.');
}

/** Returns the identity of a request: requests with the same identity are one subscription. */
function identityOf({ request, filter }: Pick<Subscription, 'request' | 'filter'>): string {
  return `${request.type} ${request.channel ?? ''} ${filter.key}`;
}

function isNamed(subscription: Subscription, selector: SubscriptionSelector): boolean {
  const { id, request, filter } = subscription;
  const { channels } = selector;
  return (
    (selector.id === undefined || selector.id === id) &&
    (selector.type === undefined || selector.type === request.type) &&
    (channels === undefined || (request.channel !== undefined && channels.includes(request.channel))) &&
    hasFields(subscription, selector) &&
    (selector.all === undefined || selector.all === filter.all) &&
    selector.query === undefined
  );
}

/** Returns the request with other filters. Protocols given to a `protocol` subscription become its subject. */
function refiltered(request: SubscriptionRequest, filter: SubscriptionFilter): SubscriptionRequest {
  if (request.type !== 'protocol' || filter.protocols === undefined) return { ...request, filter };
  const { protocols, ...rest } = filter;
  return { ...request, filter: rest, about: { protocol: protocols } };
}
