import { redact } from '../logging/redaction.js';
import { isConnectionLoss } from './connection-loss.js';

/**
 * Every error a client can see, by its stable code. `status` is the HTTP answer, `retryable` says whether the same
 * request may succeed later unchanged. The README table is checked against this one by a test.
 */
export const ERROR_CODES = {
  invalid_request: { status: 400, title: 'The request is not valid', retryable: false },
  missing_api_key: { status: 401, title: 'An API key is required', retryable: false },
  invalid_api_key: { status: 401, title: 'The API key is not valid', retryable: false },
  api_key_expired: { status: 401, title: 'The API key has expired', retryable: false },
  forbidden: { status: 403, title: 'Not allowed', retryable: false },
  not_found: { status: 404, title: 'Not found', retryable: false },
  conflict: { status: 409, title: 'Conflict', retryable: false },
  payload_too_large: { status: 413, title: 'The request body is too large', retryable: false },
  limit_exceeded: { status: 422, title: 'A limit was exceeded', retryable: false },
  rate_limited: { status: 429, title: 'Too many requests', retryable: true },
  connection_limit: { status: 429, title: 'Too many connections', retryable: false },
  server_draining: { status: 503, title: 'The server is draining', retryable: true },
  unavailable: { status: 503, title: 'Temporarily unavailable', retryable: true },
  internal_error: { status: 500, title: 'Internal error', retryable: true },
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** One fault of the input: `pointer` is a JSON pointer into the request body or `?name` for a query parameter. */
export interface InputFault {
  pointer: string;
  code: string;
  detail: string;
}

export interface DomainErrorOptions {
  /** What was wrong with the input, one entry per fault. */
  errors?: readonly InputFault[];
  /** Milliseconds after which a retry makes sense; becomes Retry-After. */
  retryAfterMs?: number;
  /** The first field at fault, for socket answers. */
  field?: string;
  /** Another HTTP status than the code's, where the protocol has one of its own (405). */
  status?: number;
  cause?: unknown;
}

/** The only error type that modules throw on purpose. `message` is shown to the client: it says what to do about it. */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly errors: readonly InputFault[] | undefined;
  readonly retryAfterMs: number | undefined;
  readonly field: string | undefined;
  readonly status: number;

  constructor(
    readonly code: ErrorCode,
    message: string,
    options: DomainErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.errors = options.errors;
    this.retryAfterMs = options.retryAfterMs;
    this.field = options.field;
    this.status = options.status ?? ERROR_CODES[code].status;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  /** The shape of an error on a socket: acknowledgements, `error` messages, `connect_error` data. */
  toSocket(): SocketError {
    return {
      code: this.code,
      message: redact(this.message),
      retryable: this.retryable,
      ...(this.field === undefined ? {} : { field: this.field }),
      ...(this.retryAfterMs === undefined || !this.retryable ? {} : { retryAfterMs: this.retryAfterMs }),
    };
  }
}

export interface SocketError {
  code: string;
  message: string;
  retryable: boolean;
  field?: string;
  retryAfterMs?: number;
}

/** How soon a client may come back after the database was found away: a restart takes about this long. */
const DATABASE_AWAY_MS = 1_000;

/** Anything thrown, as a DomainError. Unknown errors keep their cause for the log and tell the client nothing. */
export function asDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (isConnectionLoss(error)) {
    return new DomainError('unavailable', 'The database does not answer at the moment; try again shortly.', {
      retryAfterMs: DATABASE_AWAY_MS,
      cause: error,
    });
  }
  return new DomainError('internal_error', 'The server met an unexpected error; the request id names it in the log.', {
    cause: error,
  });
}
