import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { clientAddress } from '../../platform/http/client-address.js';
import type { RequestLimits } from '../limits/request-limits.js';

/** Pages served without the guard: the console, Swagger UI and the description of the API. */
const PAGES = /^\/(?:$|console\/|docs(?:$|\/)|openapi\.(?:json|yaml)$)/;

/** Counts requests to pages that need no key against their address. */
export function countedPages(limits: RequestLimits, trustedProxies: number): RequestHandler {
  return async (request: Request, response: Response, next: NextFunction): Promise<void> => {
    if (PAGES.test(request.path)) {
      await limits.countPublic('pages', clientAddress(request, trustedProxies), response);
    }
    next();
  };
}
