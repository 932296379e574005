import { ERROR_CODES, type ErrorCode } from '../../../platform/errors/domain-error.js';
import type { CloseReason } from '../../core/wire/link.js';

interface Closing {
  /** Text of the close frame. */
  readonly reason: string;
  /** WebSocket close code. */
  readonly closeCode: number;
  /** Code of the `error` message that is sent before the close frame. */
  readonly code: ErrorCode;
  readonly text: string;
  readonly retryable: boolean;
}

type Kept = Omit<Closing, 'reason'> & Partial<Pick<Closing, 'reason'>>;

const closing = (closeCode: number, code: ErrorCode, text: string, retryable?: boolean): Kept => ({
  closeCode,
  code,
  text,
  retryable: retryable ?? ERROR_CODES[code].retryable,
});

/** Closings by reason. The reason is also the text of the close frame, unless another text is given. */
const CLOSINGS: Readonly<Record<CloseReason, Kept>> = {
  malformed: closing(4400, 'invalid_request', 'Too many invalid messages; see /asyncapi.yaml.'),
  too_large: closing(1009, 'payload_too_large', 'A message must have at most 64 KiB.'),
  unauthenticated: closing(
    4401,
    'missing_api_key',
    'API key missing; it must be sent as ?apiKey=… or with authenticate within 10 s.',
  ),
  revoked: closing(4401, 'invalid_api_key', 'The key was revoked.'),
  expired: closing(4401, 'api_key_expired', 'The token has expired.'),
  key_expired: { ...closing(4401, 'api_key_expired', 'The API key has expired.'), reason: 'expired' },
  forbidden: closing(4403, 'forbidden', 'Not allowed for this key.'),
  slow_consumer: closing(
    4408,
    'rate_limited',
    'The client reads too slowly; reconnect and resume with the cursor.',
    true,
  ),
  limit_exceeded: closing(4429, 'rate_limited', 'A limit was exceeded for too long.'),
  connection_limit: closing(4429, 'connection_limit', 'The key has too many connections; close another.'),
  server_draining: closing(1001, 'server_draining', 'The server is shutting down; reconnect.'),
  replaced: closing(1001, 'conflict', 'The connection was ended by its owner.', true),
  unavailable: closing(1013, 'unavailable', 'Temporarily unavailable; reconnect.'),
  dismissed: closing(4403, 'forbidden', 'The connection was ended by an operator.'),
};

export function closingOf(reason: CloseReason): Closing {
  return { reason, ...CLOSINGS[reason] };
}

/** Close codes of connections that are refused before they have a session. 1013 means "try again later". */
const REFUSALS: Partial<Record<ErrorCode, number>> = {
  missing_api_key: 4401,
  invalid_api_key: 4401,
  api_key_expired: 4401,
  forbidden: 4403,
  connection_limit: 4429,
  rate_limited: 4429,
  server_draining: 1001,
};

export function closeCodeOf(code: ErrorCode): number {
  return REFUSALS[code] ?? 1013;
}
