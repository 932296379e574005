import type { Response } from 'express';
import { clientLeft } from './execution/query-pool.js';

/** Aborted when the connection closes before the answer was written. */
export function leaving(response: Response): AbortSignal {
  const controller = new AbortController();
  response.once('close', () => {
    if (!response.writableFinished) controller.abort(clientLeft());
  });
  return controller.signal;
}
