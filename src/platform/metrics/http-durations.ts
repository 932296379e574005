import type { NextFunction, Request, RequestHandler, Response } from 'express';
import { Histogram } from 'prom-client';
import { UNKNOWN_ROUTE } from '../request/unknown-route.js';
import { metricOf } from './metric-of.js';
import type { Metrics } from './metrics.js';

/**
 * Measures every request by its route pattern. Requests that match no route share one label, so that clients cannot create
 * new time series.
 */
export function httpDurations(metrics: Metrics): RequestHandler {
  const duration = new Histogram({
    ...metricOf('http_request_duration_seconds'),
    registers: [metrics.registry],
  });
  return (request: Request, response: Response, next: NextFunction): void => {
    const start = process.hrtime.bigint();
    response.once('finish', () => {
      const seconds = Number(process.hrtime.bigint() - start) / 1e9;
      duration.observe({ method: method(request), route: route(request), status: response.statusCode }, seconds);
    });
    next();
  };
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'QUERY']);

/**
 * Returns method and route pattern of a request, such as `GET /v1/tvl/:protocol`. The number of labels is bounded, whatever
 * clients send.
 */
export function routeLabel(request: Request): string {
  return `${method(request)} ${route(request)}`;
}

function method(request: Request): string {
  return METHODS.has(request.method) ? request.method : 'other';
}

function route(request: Request): string {
  const matched: unknown = request.route;
  const path = typeof matched === 'object' && matched !== null && 'path' in matched ? matched.path : undefined;
  return typeof path === 'string' && !path.endsWith(UNKNOWN_ROUTE) ? path : 'unmatched';
}
