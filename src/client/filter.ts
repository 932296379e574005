import type { EventType } from './events.js';

/** Channels of all events of some types, by full or short name. */
type FixedChannel =
  | 'events:tvl'
  | 'events:prices'
  | 'events:protocols'
  | 'events:liquidations'
  | 'events:governance'
  | 'events:emissions'
  | 'events:alerts'
  | 'events:onchain'
  | 'tvl'
  | 'prices'
  | 'protocols'
  | 'alerts'
  | 'onchain';

export type Channel = FixedChannel | `events:token:${string}` | `events:protocol:${string}` | `events:chain:${string}`;

/** Selects events. A condition applies only to events that have the field. */
export interface EventFilter {
  /** Default: TVL and protocols for a filter by protocols, prices for a filter by tokens, otherwise all three. */
  readonly channels?: readonly Channel[];
  /** Protocol slugs, up to 500; so are the other lists. */
  readonly protocols?: readonly string[];
  readonly chains?: readonly string[];
  /** CoinGecko ids, or `chain:address`. */
  readonly tokens?: readonly string[];
  readonly eventTypes?: readonly EventType[];
  /** Minimum move, a fraction: 0.05 is 5 %. */
  readonly threshold?: number;
  /** US dollars; an event matches if its previous or its current value is in the range. */
  readonly minValue?: number;
  readonly maxValue?: number;
  /** On-chain events as soon as they are seen (`instant`, the default), or once their block is final. */
  readonly finality?: 'instant' | 'final';
  /** Whether rows of all users are included; admins only. */
  readonly all?: boolean;
  /** Whether the matching published values come first. */
  readonly snapshot?: boolean;
  readonly query?: undefined;
}

/** Selects the rows of a live query. */
export interface QueryFilter {
  /** Body of `POST /v1/query/advanced`, without `cursor`, `at_least` and `explain`. */
  readonly query: Readonly<Record<string, unknown>>;
  /** Minimum time between two changes, 100 to 60000 ms. */
  readonly intervalMs?: number;
}

export type Filter = EventFilter | QueryFilter;

/** Position and options of one request for a subscription. */
export interface Ask {
  readonly since?: string;
  readonly snapshot?: true;
}

function channelsOf({ channels, protocols, tokens }: EventFilter): readonly string[] {
  if (channels) return channels;
  if (protocols && !tokens) return ['events:tvl', 'events:protocols'];
  if (tokens && !protocols) return ['events:prices'];
  return ['events:tvl', 'events:prices', 'events:protocols'];
}

/** Returns the channel names of a subscription; the label tells subscriptions of one connection apart. */
export function labelled(filter: EventFilter, label: string): readonly string[] {
  return channelsOf(filter).map((channel) => `${channel}#${label}`);
}

/** Returns the body of `subscribe` on plain WebSocket. */
export function subscribeMessage(filter: Filter, label: string, ask: Ask): object {
  if (filter.query) return { query: filter.query, intervalMs: filter.intervalMs };
  const { channels: _channels, protocols, tokens, all, snapshot: _snapshot, ...rest } = filter;
  return {
    channels: labelled(filter, label),
    filters: { ...rest, protocolIds: protocols, tokenIds: tokens },
    all,
    mode: 'all',
    ...ask,
  };
}

/** Returns the body of `POST /v1/stream`. */
export function streamBody(filter: Filter, ask: Ask): object {
  if (filter.query) return filter;
  return { ...filter, channels: channelsOf(filter), snapshot: undefined, ...ask };
}
