import { SUBSCRIPTION_TYPES, type SubscriptionType } from '../../access/index.js';
import type { EventType, Subject } from '../../events/index.js';
import type { Filter } from './filter-conditions.js';
import { spelled, type SpelledFilter, type SubscriptionFilter } from './filter-fields.js';
import type { KeptReplay } from './kept-session.js';
import type { Group } from './filter-index.js';
import type { Session } from './session.js';

export { SUBSCRIPTION_TYPES, type SubscriptionType };

/** Field of an event that filters and channels refer to. */
export type Dimension = Subject;

/** One subscription as asked for, normalised: names and aliases resolved, lists sorted and without repetition. */
export interface SubscriptionRequest {
  type: SubscriptionType;
  /** The channel's name as the client wrote it. */
  channel?: string;
  filter: SubscriptionFilter;
  /** Event types of the channel; the other subscription types define their own. */
  selects?: readonly EventType[];
  /**
   * Subject of a channel or a `protocol` subscription: unlike a filter it also excludes events without the field. One of the
   * listed values must be present.
   */
  about?: Readonly<Partial<Record<Dimension, readonly string[]>>>;
  /** Rows of every owner instead of the caller's only; for admins. */
  all?: boolean;
  /** Whether the matching published values are sent before live events. */
  snapshot?: boolean;
  /** Query of type `query`, as the client wrote it. */
  query?: unknown;
  /** Shortest time between two changes of type `query`, ms. */
  intervalMs?: number;
}

/** One subscription of one session. */
export class Subscription {
  /** Names under which the client knows it; shared by all events that match only this subscription. */
  readonly names: readonly string[];
  /** Position after which the subscription is covered, live or by a completed replay. */
  coveredFrom: number;
  /** Position after which events are due to the client, over whatever connection. */
  from: number;
  /** Replay that it last began with. */
  replay: KeptReplay | undefined;
  group: Group | undefined;
  /** Index in the group's list of members. */
  memberIndex = -1;
  private madeText: string | undefined;

  constructor(
    readonly session: Session,
    readonly id: string,
    /** Order of creation within the session: of several names, the oldest comes first. */
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

  /** Moves the start: no event before this position is due. */
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
  /** Interval of a query, ms. */
  intervalMs?: number;
}

/** Returns the names in order of subscription, each once. */
export function namesOf(hits: Subscription[]): readonly string[] {
  if (hits.length === 0) return [];
  const ordered = hits.sort((a, b) => a.order - b.order);
  return [...new Set(ordered.flatMap((subscription) => subscription.names))];
}
