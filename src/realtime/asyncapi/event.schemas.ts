import { eventSpec, type EventType } from '../../events/index.js';
import { eventShape, percent, usd } from './event.shapes.js';
import { closed, integer, list, nullable, number, ref, text } from './schema.js';
import type { Properties, Schema } from './schema.js';

const protocol = ref('ProtocolId');
const token = ref('TokenId');

const EVENT_ID = '019a9a3e-5c00-7000-8000-000000000001';
export const EXAMPLE_CURSOR = 'k3f9-0000000a1b2';
export const EXAMPLE_TIME = '2026-11-20T12:00:00.000Z';
export const EXAMPLE_MILLISECONDS = Date.parse(EXAMPLE_TIME);

const commonFields = (type: EventType, timestamp: Schema): Properties => ({
  eventId: text('UUIDv7, the same on every transport and in every replay', { format: 'uuid' }),
  cursor: ref('Cursor'),
  eventType: { const: type },
  timestamp,
  source: text('source of the value'),
  confidence: number(
    '0 to 1: confidence that the writer gave, lowered if the value is old or its change is an outlier',
    {
      minimum: 0,
      maximum: 1,
    },
  ),
  tags: list({ type: 'string' }),
  correlationId: text("the writer's correlation id"),
});

const mergedField: Properties = {
  merged: integer('mode `latest` only: number of events of this key that the message represents', { minimum: 1 }),
};

/** Returns the schema of an event's body on Socket.IO and SSE. */
export function eventBody(type: EventType): Schema {
  const { fields, optional = [] } = eventShape(type);
  return closed({ ...commonFields(type, ref('IsoTime')), ...fields, ...mergedField }, [
    'correlationId',
    'merged',
    ...optional,
  ]);
}

/** Aliases of event fields: the names that the published examples of the plain WebSocket API use for the same values. */
const ALIASES: Readonly<Record<string, Properties>> = {
  tvl_change: {
    protocolId: protocol,
    tvl: usd('the same as currentTvl'),
    change24h: nullable(percent('change against 24 hours ago')),
  },
  price_change: {
    coin: token,
    tokenId: token,
    price: usd('the same as currentPrice'),
    change24h: nullable(percent('change against 24 hours ago')),
  },
};

function aliasesOf(type: EventType): Properties {
  return ALIASES[type] ?? ('protocol' in eventShape(type).fields ? { protocolId: protocol } : {});
}

/** Returns the schema of an event's `data` on plain WebSocket: the same fields with aliases, times in Unix milliseconds. */
export function webSocketData(type: EventType): Schema {
  const { fields, optional = [] } = eventShape(type);
  const maybe = optional.includes('protocol') ? ['protocolId', ...optional] : optional;
  return closed({ ...commonFields(type, ref('UnixMilliseconds')), ...fields, ...aliasesOf(type) }, [
    'correlationId',
    ...maybe,
  ]);
}

const commonExample = (type: EventType): Readonly<Record<string, unknown>> => ({
  eventId: EVENT_ID,
  cursor: EXAMPLE_CURSOR,
  eventType: type,
  timestamp: EXAMPLE_TIME,
  source: 'defillama',
  confidence: 0.98,
  tags: [],
});

export function eventExample(type: EventType): Readonly<Record<string, unknown>> {
  return { ...commonExample(type), ...eventSpec(type).example };
}

export function webSocketDataExample(type: EventType): Readonly<Record<string, unknown>> {
  const example = { ...eventExample(type), timestamp: EXAMPLE_MILLISECONDS };
  if (type === 'tvl_change') return { ...example, protocolId: 'uniswap-v3', tvl: 2_750_000_000, change24h: -1.2 };
  if (type === 'price_change')
    return { ...example, coin: 'bitcoin', tokenId: 'bitcoin', price: 67_500, change24h: 2.5 };
  const { protocol: slug } = eventSpec(type).example;
  return slug === undefined ? example : { ...example, protocolId: slug };
}
