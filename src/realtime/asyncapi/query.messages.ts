import { EXAMPLE_CURSOR } from './event.schemas.js';
import { closed, list, openObject, ref, text } from './schema.js';
import type { MessageDescription, Schema } from './schema.js';

const EXAMPLE_ROW = { _key: '["ethereum"]', chain: 'ethereum', sum_tvl: 65_998_652_431.4 };

/** Schemas of live queries. The query itself is an open object here: /openapi.json describes it. */
export const QUERY_SCHEMAS: Readonly<Record<string, Schema>> = {
  Query: openObject('the body of POST /v1/query/advanced, without cursor, at_least and explain'),
  QueryRow: {
    type: 'object',
    description: 'A row of the result; `_key` identifies the row and stays the same when its values change.',
    properties: { _key: text('key that makes the row unique') },
    required: ['_key'],
  },
};

/** Messages of live queries, the same on every transport. */
export const QUERY_MESSAGES: readonly MessageDescription[] = [
  {
    name: 'query_result',
    summary:
      'The whole result of a live query: once after subscribing, and again if the client reads the changes too slowly. ' +
      'It replaces the earlier result.',
    payload: closed({
      subscriptionId: text('id of the live query'),
      rows: list(ref('QueryRow')),
      cursor: ref('Cursor'),
    }),
    example: { subscriptionId: 'q5f0c3a9e1b2d4c68', rows: [EXAMPLE_ROW], cursor: EXAMPLE_CURSOR },
  },
  {
    name: 'query_change',
    summary: 'Differences between the previous result and the current one.',
    payload: closed({
      subscriptionId: text('id of the live query'),
      added: list(ref('QueryRow')),
      changed: list(ref('QueryRow')),
      removed: list({ type: 'string' }, { description: '`_key`s of removed rows' }),
      cursor: ref('Cursor'),
    }),
    example: {
      subscriptionId: 'q5f0c3a9e1b2d4c68',
      added: [],
      changed: [EXAMPLE_ROW],
      removed: [],
      cursor: EXAMPLE_CURSOR,
    },
  },
];
