import { DomainError, ERROR_CODES, type ErrorCode } from '../../platform/errors/domain-error.js';

/** Returns the parts of an error that another process may show to a client. */
export function errorParts(error: unknown): Readonly<Record<string, unknown>> {
  if (!(error instanceof DomainError))
    return { code: 'internal_error', message: 'The request could not be completed.' };
  const { code, message, field, retryAfterMs } = error;
  return { code, message, field, retryAfterMs };
}

/** Restores an error that another process sent. */
export function errorFrom(parts: unknown): DomainError {
  const { code, message, field, retryAfterMs } = Object(parts) as Record<string, unknown>;
  return new DomainError(isCode(code) ? code : 'internal_error', typeof message === 'string' ? message : 'Failed.', {
    ...(typeof field === 'string' && { field }),
    ...(typeof retryAfterMs === 'number' && { retryAfterMs }),
  });
}

function isCode(code: unknown): code is ErrorCode {
  return typeof code === 'string' && Object.hasOwn(ERROR_CODES, code);
}
