import { HttpException } from '@nestjs/common';
import { redact, redactEncoded } from './redaction.js';
import { asDomainError, DomainError, ERROR_CODES, type ErrorCode, type InputFault } from './domain-error.js';

/** Body of every refused request, RFC 9457. */
interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  /** Path of the request, without the query, which may contain a key. */
  instance: string;
  code: string;
  errors?: readonly InputFault[];
}

/** Returns the response body for an error. API keys that the URL or the request body contains are redacted. */
export function problemOf(error: DomainError, path: string): Problem {
  return {
    type: `urn:defi-realtime:error:${error.code}`,
    title: ERROR_CODES[error.code].title,
    status: error.status,
    detail: redactEncoded(error.message),
    instance: redactEncoded(path),
    code: error.code,
    ...(error.errors === undefined ? {} : { errors: error.errors.map(withoutSecrets) }),
  };
}

function withoutSecrets({ pointer, code, detail }: InputFault): InputFault {
  return { pointer: redact(pointer), code, detail: redact(detail) };
}

/**
 * Error codes for the HTTP statuses of exceptions that Nest or the body parser throws. Any other 4xx status is
 * `invalid_request`.
 */
const CODE_OF_STATUS: Readonly<Record<number, ErrorCode>> = {
  401: 'missing_api_key',
  403: 'forbidden',
  404: 'not_found',
  409: 'conflict',
  413: 'payload_too_large',
  422: 'limit_exceeded',
  429: 'rate_limited',
  503: 'unavailable',
};

/** Messages for the body parser's errors, by their `type`; they state what the client can do. */
const BODY_FAULTS: Readonly<Record<string, string>> = {
  'entity.parse.failed': 'The request body is not valid JSON.',
  'entity.too.large': 'The request body is larger than this route accepts; send it in parts.',
  'encoding.unsupported': 'The content encoding is not supported; use gzip, deflate, br or none.',
  'charset.unsupported': 'The charset is not supported; send UTF-8.',
  'request.size.invalid': 'The length of the body differs from Content-Length.',
};

/**
 * Converts any error that ended a request into a DomainError: the application's own errors, Nest's, the body parser's, and
 * unexpected ones.
 */
export function requestError(thrown: unknown): DomainError {
  if (!(thrown instanceof HttpException)) return asDomainError(thrown);
  if (thrown.cause instanceof URIError) return fromStatus(400, 'The address is not validly encoded.', thrown);
  return fromStatus(thrown.getStatus(), BODY_FAULTS[typeOf(thrown.cause)] ?? thrown.message, thrown);
}

function fromStatus(status: number, message: string, cause: unknown): DomainError {
  if (status >= 500 && status !== 503) return asDomainError(cause);
  return new DomainError(CODE_OF_STATUS[status] ?? 'invalid_request', message, { cause });
}

/** Returns the `type` of an error of the body parser. */
function typeOf(cause: unknown): string {
  return cause instanceof Error && 'type' in cause ? String(cause.type) : '';
}
