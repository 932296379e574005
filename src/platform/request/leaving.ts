import type { ServerResponse } from 'node:http';
import { DomainError } from '../errors/domain-error.js';

/**
 * Returns a signal that aborts if the connection closes before the answer is complete; it is aborted already if the
 * connection closed while the key was looked up.
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
  return new DomainError('unavailable', 'The client disconnected before it received the answer.');
}
