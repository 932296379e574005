import { SUBSCRIPTION_TYPES, type SubscriptionType } from '../../access/index.js';
import type { EventType, Subject } from '../../events/index.js';
import type { Filter } from './filter-conditions.js';
import { spelled, type SpelledFilter, type SubscriptionFilter } from './filter-fields.js';
import type { KeptReplay } from './kept-session.js';
import type { Group } from './filter-index.js';
import type { Session } from './session.js';

export { SUBSCRIPTION_TYPES, type SubscriptionType };

/** Field of an event by which filters and channels select: protocol, chain or token. */
export type Dimension = Subject;

/** One requested subscription in canonical form: names and aliases resolved, lists sorted and without repetition. */
export interface SubscriptionRequest {
  type: SubscriptionType;
  /** The channel's name as the client wrote it. */
  channel?: string;
  filter: SubscriptionFilter;
  /** Event types of a channel; undefined for other subscription types, whose type determines them. */
  selects?: readonly EventType[];
  /**
   * Subject of a channel or of a `protocol` subscription: the event must have one of the listed values. Unlike a filter,
   * it also excludes events without the field.
   */
  about?: Readonly<Partial<Record<Dimension, readonly string[]>>>;
  /** Whether rows of every owner are included, not only the caller's; for admins. */
  all?: boolean;
  /** Whether the matching published values are sent before live events. */
  snapshot?: boolean;
  /** Query of a subscription of type `query`, as the client wrote it. */
  query?: unknown;
  /** Minimum time between two changes of a query, ms. */
  intervalMs?: number;
}

/** One subscription of one session. */
export class Subscription {
  /**
   * Names of the subscription in messages to its client; the array is shared by all events that match only this
   * subscription.
   */
  readonly names: readonly string[];
  /** Position after which the subscription needs no replay: its events are sent live or by a replay that has completed. */
  coveredFrom: number;
  /** Position after which the client is still to receive events, on this connection or a later one. */
  from: number;
  /** Replay with which the subscription last began. */
  replay: KeptReplay | undefined;
  group: Group | undefined;
  /** Index in the group's list of members. */
  memberIndex = -1;
  private madeText: string | undefined;

  constructor(
    readonly session: Session,
    readonly id: string,
    /** Order of creation within the session: messages name older subscriptions first. */
    readonly order: number,
    readonly request: SubscriptionRequest,
    readonly filter: Filter,
    readonly subscribedAt: number,
    coveredFrom: number,
  ) {
    this.names = [request.channel ?? request.type];
    this.coveredFrom = coveredFrom;
    this.from = coveredFrom;
  }

  /** Request as JSON. */
  get requestText(): string {
    return (this.madeText ??= JSON.stringify(this.request));
  }

  /** Sets the start of the subscription: events up to this position are not sent. */
  beginAt(position: number): void {
    this.coveredFrom = position;
    this.from = position;
    this.replay = undefined;
  }

  /** Returns the subscription as answers show it. */
  describe(): SubscriptionInfo {
    const { type, channel, filter, about, all } = this.request;
    const { same, renamed } = spelled(filter, 'common');
    const aboutProtocols = type === 'protocol' ? about?.protocol : undefined;
    return {
      id: this.id,
      type,
      ...(channel === undefined ? {} : { channel }),
      ...(aboutProtocols === undefined ? {} : { protocols: aboutProtocols }),
      ...same,
      ...renamed,
      ...(all === true ? { all } : {}),
    };
  }
}

export interface SubscriptionInfo extends SpelledFilter {
  id: string;
  type: SubscriptionType;
  channel?: string;
  all?: boolean;
  /** Interval of a live query, ms. */
  intervalMs?: number;
}

/** Returns the names in order of subscription, each once. */
export function namesOf(matching: Subscription[]): readonly string[] {
  if (matching.length === 0) return [];
  const ordered = matching.sort((a, b) => a.order - b.order);
  return [...new Set(ordered.flatMap((subscription) => subscription.names))];
}
