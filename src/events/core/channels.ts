import type { EventType, LogEvent } from './log-event.js';

/** What a channel's name selects: event types, and at most one subject. */
export interface ChannelSelection {
  types: readonly EventType[];
  protocol?: string;
  chain?: string;
  token?: string;
}

const ONCHAIN: readonly EventType[] = ['onchain_event', 'points_change', 'chain_reorg'];
const OF_PROTOCOL: readonly EventType[] = ['tvl_change', 'protocol_update', 'liquidation', 'governance', 'emission'];
const OF_TOKEN: readonly EventType[] = ['price_change', 'liquidation', 'governance', 'emission'];

const FIXED: Readonly<Record<string, ChannelSelection>> = {
  'events:prices': { types: ['price_change'] },
  'events:tvl': { types: ['tvl_change'] },
  'events:protocols': { types: ['protocol_update'] },
  'events:alerts': { types: ['alert'] },
  'events:onchain': { types: ONCHAIN },
  'events:liquidations': { types: ['liquidation'] },
  'events:governance': { types: ['governance'] },
  'events:emissions': { types: ['emission'] },
  prices: { types: ['price_change'] },
  tvl: { types: ['tvl_change'] },
  alerts: { types: ['alert'] },
  onchain: { types: ONCHAIN },
  protocols: { types: ['tvl_change', 'protocol_update'] },
};

const MARKET_CHANNELS = {
  liquidation: 'events:liquidations',
  governance: 'events:governance',
  emission: 'events:emissions',
} as const;

/** Whether the name is one of the short names of the plain WebSocket dialect. */
export function isShortChannel(name: string): boolean {
  return !name.includes(':') && Object.hasOwn(FIXED, name);
}

/** What a channel selects, or undefined for a name that is none. Accepts the short names of plain WebSocket too. */
export function parseChannel(name: string): ChannelSelection | undefined {
  if (Object.hasOwn(FIXED, name)) return FIXED[name];
  if (name.startsWith('events:token:')) return withSubject(OF_TOKEN, 'token', name.slice(13));
  if (name.startsWith('events:protocol:')) return withSubject(OF_PROTOCOL, 'protocol', name.slice(16));
  if (!name.startsWith('events:chain:')) return undefined;
  const [chain = '', kind, ...more] = name.slice(13).split(':');
  if (more.length > 0) return undefined;
  if (kind === undefined) return withSubject(['tvl_change', 'price_change'], 'chain', chain);
  if (kind === 'tvl') return withSubject(['tvl_change'], 'chain', chain);
  if (kind === 'prices') return withSubject(['price_change'], 'chain', chain);
  return undefined;
}

function withSubject(
  types: readonly EventType[],
  field: 'protocol' | 'chain' | 'token',
  value: string,
): ChannelSelection | undefined {
  return value === '' || value.length > 128 || /\s/.test(value) ? undefined : { types, [field]: value };
}

/** The full names of all channels an event belongs to. Internal rows belong to none. */
export function channelsOf(event: LogEvent): string[] {
  switch (event.type) {
    case 'tvl_change':
      return [
        'events:tvl',
        ...named('protocol', event.protocol),
        ...(event.chain === null ? [] : [`events:chain:${event.chain}`, `events:chain:${event.chain}:tvl`]),
      ];
    case 'price_change':
      return [
        'events:prices',
        ...named('token', event.token),
        ...(event.chain === null ? [] : [`events:chain:${event.chain}`, `events:chain:${event.chain}:prices`]),
      ];
    case 'protocol_update':
      return ['events:protocols', ...named('protocol', event.protocol)];
    case 'liquidation':
    case 'governance':
    case 'emission':
      return [MARKET_CHANNELS[event.type], ...named('protocol', event.protocol), ...named('token', event.token)];
    case 'alert':
      return ['events:alerts'];
    case 'onchain_event':
    case 'points_change':
    case 'chain_reorg':
      return ['events:onchain'];
    default:
      return [];
  }
}

function named(kind: 'protocol' | 'token', value: string | null): string[] {
  return value === null ? [] : [`events:${kind}:${value}`];
}
