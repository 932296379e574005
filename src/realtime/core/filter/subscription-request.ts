import { SUBSCRIPTION_TYPES, type SubscriptionType } from '../../../access/index.js';
import type { EventType, Finality, Subject } from '../../../events/index.js';

export { SUBSCRIPTION_TYPES, type SubscriptionType };

/** Field of an event by which filters and channels select: protocol, chain or token. */
export type Dimension = Subject;

/** Filter as clients send it. A condition applies only to events that have the field. */
export interface SubscriptionFilter {
  protocols?: readonly string[];
  chains?: readonly string[];
  tokens?: readonly string[];
  types?: readonly EventType[];
  /** A fraction, already rounded down to a step; 0 or absent: every change. */
  threshold?: number;
  minValue?: number;
  maxValue?: number;
  /** Row of an on-chain event; absent: `instant`. */
  finality?: Finality;
}

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

/** Selects subscriptions: given members must be equal, omitted members match anything. */
export interface SubscriptionSelector extends SubscriptionFilter {
  id?: string;
  type?: SubscriptionType;
  /** Channel names as the client wrote them. */
  channels?: readonly string[];
  all?: boolean;
  /** Live query to select; subscriptions to events never match it. */
  query?: unknown;
}
