import { redact } from '../logging/redaction.js';
import { isConnectionLoss } from './connection-loss.js';

/**
 * Errors that clients can see, by their stable code. `status` is the HTTP answer, `retryable` tells whether the same request
 * may succeed later unchanged. A test compares the README table with this one.
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

/** Fault of the input: `pointer` is a JSON pointer into the request body or `?name` for a query parameter. */
export interface InputFault {
  pointer: string;
  code: string;
  detail: string;
}

export interface DomainErrorOptions {
  /** Faults of the input, one entry each. */
  errors?: readonly InputFault[];
  /** Time after which a retry makes sense, ms; becomes Retry-After. */
  retryAfterMs?: number;
  /** First field at fault, for socket answers. */
  field?: string;
  /** HTTP status in place of the code's, where the protocol has one of its own (405). */
  status?: number;
  cause?: unknown;
}

/** Error that modules throw on purpose. `message` is shown to the client: it says what to do about it. */
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

  /** Returns the form of an error on a socket: acknowledgements, `error` messages, `connect_error` data. */
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

/** Delay suggested to clients when the database is unavailable, ms: a restart takes about this long. */
const DATABASE_AWAY_MS = 1_000;

/** Returns anything thrown as a DomainError. Unknown errors keep their cause for the log and reveal nothing to the client. */
export function asDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (isConnectionLoss(error)) {
    return new DomainError('unavailable', 'The database does not answer at the moment; try again shortly.', {
      retryAfterMs: DATABASE_AWAY_MS,
      cause: error,
    });
  }
  return new DomainError('internal_error', 'Unexpected error; the log has its details under the request id.', {
    cause: error,
  });
}
