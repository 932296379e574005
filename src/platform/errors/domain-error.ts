import { isConnectionLoss } from './database-errors.js';
import { redact } from './redaction.js';

/**
 * Errors that clients can receive, by their stable code. `status` is the HTTP status; `retryable` states whether the same
 * request may succeed later. A test compares the table in the README with this one.
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

/** Fault of the input. `pointer` is a JSON pointer into the request body, or `?name` for a query parameter. */
export interface InputFault {
  pointer: string;
  code: string;
  detail: string;
}

interface DomainErrorOptions {
  /** All faults of the input. */
  errors?: readonly InputFault[];
  /** Time after which a retry makes sense, ms; sent as Retry-After. */
  retryAfterMs?: number;
  /** Name of the first faulty field, for errors on a socket. */
  field?: string;
  /** HTTP status that replaces the code's status where the protocol requires another (405). */
  status?: number;
  cause?: unknown;
}

/** Error that modules throw deliberately. `message` is sent to the client and states what the client can do. */
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

  /**
   * Returns the error as it is sent on a socket: in acknowledgements, in `error` messages and as the data of
   * `connect_error`.
   */
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

/** Retry delay sent to clients while the database is unavailable, ms: about the time of a restart. */
const DATABASE_RETRY_DELAY_MS = 1_000;

/**
 * Converts anything thrown into a DomainError. An unknown error keeps its cause for the log and reveals nothing to the
 * client.
 */
export function asDomainError(error: unknown): DomainError {
  if (error instanceof DomainError) return error;
  if (isConnectionLoss(error)) {
    return new DomainError('unavailable', 'The database is unavailable at the moment; try again shortly.', {
      retryAfterMs: DATABASE_RETRY_DELAY_MS,
      cause: error,
    });
  }
  return new DomainError(
    'internal_error',
    'Unexpected error; the details are in the server log under the request id.',
    {
      cause: error,
    },
  );
}
