import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { routeLabel } from '../metrics/http-durations.js';
import type { LoopGuard } from './loop-guard.js';

/** Tells the guard of the loop which requests are under way, by method and route pattern. */
export function namedRequests(guard: LoopGuard): RequestHandler {
  return (request: Request, response: Response, next: NextFunction): void => {
    const cause = (): string => routeLabel(request);
    const work = guard.begin(cause);
    response.once('close', () => guard.end(work));
    guard.run(cause, next);
  };
}
