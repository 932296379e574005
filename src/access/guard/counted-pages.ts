import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { clientAddress } from '../../platform/request/client-address.js';
import type { RequestLimits } from '../limits/request-limits.js';

/** Pages that Express serves without the guard: the console, Swagger UI and the OpenAPI document. */
const PAGES = /^\/(?:$|console\/|docs(?:$|\/)|openapi\.(?:json|yaml)$)/;

/** Counts requests to these pages per address. */
export function countedPages(limits: RequestLimits, trustedProxies: number): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    if (PAGES.test(request.path)) {
      await limits.countPublic('pages', clientAddress(request, trustedProxies), response);
    }
    next();
  };
}
