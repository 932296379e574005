import type { ServerResponse } from 'node:http';
import { DomainError } from '../errors/domain-error.js';

/**
 * Returns a signal that aborts when the connection closes before the answer was written, or was closed already while the key
 * was looked up.
 */
export function leaving(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (response.destroyed) controller.abort(clientLeft());
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(clientLeft());
  });
  return controller.signal;
}

/** Returns the error of a request whose client has disconnected. */
export function clientLeft(): DomainError {
  return new DomainError('unavailable', 'The client disconnected before the answer.');
}
