import type { ServerResponse } from 'node:http';
import { DomainError } from '../errors/domain-error.js';

/** Aborted when the connection closes before the answer was written, or was closed already: keys are looked up first. */
export function leaving(response: ServerResponse): AbortSignal {
  const controller = new AbortController();
  if (response.destroyed) controller.abort(clientLeft());
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(clientLeft());
  });
  return controller.signal;
}

/** The error of who is not there any more to read it. */
export function clientLeft(): DomainError {
  return new DomainError('unavailable', 'The client left before the answer.');
}
