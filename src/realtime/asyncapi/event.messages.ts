import { EVENT_TYPES, eventDoc, updateName } from '../../events/index.js';
import {
  eventBody,
  eventExample,
  EXAMPLE_CURSOR,
  EXAMPLE_MILLISECONDS,
  webSocketData,
  webSocketDataExample,
} from './event.schemas.js';
import { closed, constant, integer, list, nullable, number, ref, text } from './schema.js';
import type { MessageDescription, Schema } from './schema.js';

/** Events of the log on Socket.IO and SSE. */
export const EVENT_MESSAGES: readonly MessageDescription[] = EVENT_TYPES.map((type) => ({
  name: type,
  summary: eventDoc(type),
  payload: eventBody(type),
  example: eventExample(type),
}));

const updateEnvelope = {
  channel: text('first matching name, in order of subscription'),
  channels: list({ type: 'string' }, { description: 'all matching names', minItems: 1 }),
  merged: integer('mode `latest` only: number of events of this key that the message represents', { minimum: 1 }),
  cursor: ref('Cursor'),
};

/** Events of the log on plain WebSocket. */
export const UPDATE_MESSAGES: readonly MessageDescription[] = EVENT_TYPES.map((type) => ({
  name: updateName(type),
  summary: eventDoc(type),
  payload: closed(
    {
      type: constant(updateName(type)),
      ...updateEnvelope,
      data: webSocketData(type),
      timestamp: ref('UnixMilliseconds'),
    },
    ['merged'],
  ),
  example: {
    type: updateName(type),
    channel: 'prices',
    channels: ['prices'],
    cursor: EXAMPLE_CURSOR,
    data: webSocketDataExample(type),
    timestamp: EXAMPLE_MILLISECONDS,
  },
}));

function snapshotItem(timestamp: Schema): Schema {
  const provenance = {
    timestamp,
    source: text('source of the value'),
    confidence: number('0 to 1', { minimum: 0, maximum: 1 }),
    tags: list({ type: 'string' }),
    cursor: ref('Cursor'),
  };
  return {
    oneOf: [
      closed({
        metric: constant('tvl'),
        protocol: ref('ProtocolId'),
        name: nullable(text('display name')),
        category: nullable(text('category')),
        chain: ref('ChainId'),
        tvl: number('US dollars'),
        ...provenance,
      }),
      closed({
        metric: constant('price'),
        token: ref('TokenId'),
        symbol: nullable(text('ticker symbol')),
        chain: nullable(text('chain, if the token has one')),
        price: number('US dollars'),
        volume24h: nullable(number('US dollars')),
        marketCap: nullable(number('US dollars')),
        ...provenance,
      }),
    ],
  };
}

/** Items of a snapshot: the last published values, each with the cursor of the event that published it. */
export const SNAPSHOT_SCHEMAS: Readonly<Record<string, Schema>> = {
  SnapshotItem: snapshotItem(ref('IsoTime')),
  SnapshotItemMilliseconds: snapshotItem(ref('UnixMilliseconds')),
};
