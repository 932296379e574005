import type { Server } from 'node:http';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { routeLabel } from '../metrics/http-durations.js';
import type { LoopGuard } from './loop-guard.js';

/** Starts the guard with the first turn after the server listens. */
export function watchOnceServing(guard: LoopGuard, server: Server): void {
  server.once('listening', () => setImmediate(() => guard.watch()));
}

/** Names the requests in progress for the guard, by method and route pattern. */
export function namedRequests(guard: LoopGuard): RequestHandler {
  return (request: Request, response: Response, next: NextFunction): void => {
    const cause = (): string => routeLabel(request);
    const work = guard.begin(cause);
    response.once('close', () => guard.end(work));
    guard.run(cause, next);
  };
}
