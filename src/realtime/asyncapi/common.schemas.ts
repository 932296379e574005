import { ERROR_CODES } from '../../platform/errors/domain-error.js';
import { choice, closed, flag, integer, text } from './schema.js';
import type { Schema } from './schema.js';

/** Schemas that messages refer to by name. */
export const COMMON_SCHEMAS: Readonly<Record<string, Schema>> = {
  Cursor: text('Opaque position in the event log. To resume, send the newest cursor that you received as `since`.', {
    minLength: 1,
    maxLength: 40,
  }),
  IsoTime: text('ISO 8601, UTC, milliseconds', { format: 'date-time' }),
  UnixMilliseconds: integer('Unix milliseconds', { minimum: 0 }),
  ProtocolId: text('slug of a protocol, for example uniswap-v3', { minLength: 1, maxLength: 255 }),
  ChainId: text('lower case, with `-` for spaces, for example ethereum; `all` if a source has only a total', {
    minLength: 1,
    maxLength: 255,
  }),
  TokenId: text('CoinGecko id (bitcoin) or chain:address', { minLength: 1, maxLength: 255 }),
  Error: closed(
    {
      code: choice(Object.keys(ERROR_CODES), 'stable; the table of errors has the action for each code'),
      message: text('one sentence for people'),
      field: text('first invalid field'),
      retryable: flag('whether the same request may succeed later unchanged'),
      retryAfterMs: integer('milliseconds after which a retry makes sense', { minimum: 0 }),
    },
    ['field', 'retryAfterMs'],
  ),
  MessageId: {
    description: 'Chosen by the client; returned in the answer.',
    oneOf: [{ type: 'string', maxLength: 128 }, { type: 'number' }],
  },
  Limits: closed({
    connections: integer('connections of the key; 0: no limit', { minimum: 0 }),
    messages: integer('client messages per minute; 0: no limit', { minimum: 0 }),
    apiRequests: integer('REST requests per minute; 0: no limit', { minimum: 0 }),
    alertRules: integer('alert rules of the user; 0: no limit', { minimum: 0 }),
    subscriptionChanges: integer('subscription changes per minute and connection; 0: no limit', { minimum: 0 }),
    connectsPerAddress: integer('new connections per minute and address; 0: no limit', { minimum: 0 }),
  }),
};

export const EXAMPLE_ERROR = {
  code: 'invalid_request',
  message: 'threshold must be a number from 0 to 1000.',
  field: 'filters.threshold',
  retryable: false,
};

export const EXAMPLE_LIMITS = {
  connections: 5,
  messages: 100,
  apiRequests: 60,
  alertRules: 5,
  subscriptionChanges: 10,
  connectsPerAddress: 100,
};
