import { SUBSCRIPTION_TYPES, type SubscriptionType } from '../../access/index.js';
import type { EventType, Subject } from '../../events/index.js';
import type { Filter } from './filter.js';
import type { KeptReplay } from './kept-session.js';
import type { Group } from './filter-index.js';
import type { Session } from './session.js';

export { SUBSCRIPTION_TYPES, type SubscriptionType };

/** A field of an event that filters and channels speak of. */
export type Dimension = Subject;

/** Filters as a client means them. They bind only events that have the field. */
export interface SubscriptionFilter {
  types?: readonly EventType[];
  protocols?: readonly string[];
  chains?: readonly string[];
  tokens?: readonly string[];
  /** A fraction, already rounded down to a step; 0 or absent: every change. */
  threshold?: number;
  minValue?: number;
  maxValue?: number;
}

/** One subscription as asked for, normalised: names and aliases resolved, lists sorted and without repetition. */
export interface SubscriptionRequest {
  type: SubscriptionType;
  /** The channel's name as the client wrote it. */
  channel?: string;
  filter: SubscriptionFilter;
  /** The event types of the channel; the other subscription types know their own. */
  selects?: readonly EventType[];
  /**
   * What a channel or a `protocol` subscription is about: unlike a filter it also stops events without the field.
   * One of the listed values must be there.
   */
  about?: Readonly<Partial<Record<Dimension, readonly string[]>>>;
  /** Admins only: events of every owner, not only the caller's. */
  all?: boolean;
  /** Send the published values that match before live events. */
  snapshot?: boolean;
  /** Of type `query`: what is asked, as the client wrote it. */
  query?: unknown;
  /** Of type `query`: at most one change per so many milliseconds. */
  intervalMs?: number;
}

/** One subscription of one session. */
export class Subscription {
  /** The names under which the client knows it; shared by all events that match only this subscription. */
  readonly names: readonly string[];
  /** Events after this position are covered by it, live or by a replay that has been sent. */
  coveredFrom: number;
  /** Events after this position are due to the client, whatever connection brings them. */
  from: number;
  /** The replay it last began with. */
  replay: KeptReplay | undefined;
  group: Group | undefined;
  /** Its place in the group's list of members. */
  memberIndex = -1;
  private madeText: string | undefined;

  constructor(
    readonly session: Session,
    readonly id: string,
    /** Rises with every subscription of the session: the first asked is named first. */
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

  /** Its request as JSON. */
  get requestText(): string {
    return (this.madeText ??= JSON.stringify(this.request));
  }

  /** Nothing before this position is due. */
  beginAt(position: number): void {
    this.coveredFrom = position;
    this.from = position;
    this.replay = undefined;
  }

  /** What answers show of it. */
  describe(): SubscriptionInfo {
    const { type, channel, filter, about, all } = this.request;
    const { types, ...rest } = filter;
    const aboutProtocols = type === 'protocol' ? about?.protocol : undefined;
    return {
      id: this.id,
      type,
      ...(channel === undefined ? {} : { channel }),
      ...(aboutProtocols === undefined ? {} : { protocols: aboutProtocols }),
      ...rest,
      ...(types === undefined ? {} : { eventTypes: types }),
      ...(all === true ? { all } : {}),
    };
  }
}

export interface SubscriptionInfo {
  id: string;
  type: SubscriptionType;
  channel?: string;
  protocols?: readonly string[];
  chains?: readonly string[];
  tokens?: readonly string[];
  eventTypes?: readonly EventType[];
  /** The step that is really used. */
  threshold?: number;
  minValue?: number;
  maxValue?: number;
  all?: boolean;
  /** Of a query. */
  intervalMs?: number;
}

/** First subscribed first, each name once. */
export function namesOf(hits: Subscription[]): readonly string[] {
  if (hits.length === 0) return [];
  const ordered = hits.sort((a, b) => a.order - b.order);
  return [...new Set(ordered.flatMap((subscription) => subscription.names))];
}
