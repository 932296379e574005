import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import type { DomainError } from './domain-error.js';
import { problemOf, requestError } from './problem.js';

/** Answers every failed request with problem+json, and logs what the client is not told. */
@Catch()
export class HttpErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('HTTP');

  catch(thrown: unknown, host: ArgumentsHost): void {
    // Gateways answer through their own filter.
    if (host.getType() !== 'http') throw thrown;
    const http = host.switchToHttp();
    this.answer(requestError(thrown), http.getRequest<Request>(), http.getResponse<Response>());
  }

  protected answer(error: DomainError, request: Request, response: Response): void {
    if (error.status >= 500) this.logger.error({ code: error.code, err: error.cause ?? error }, 'request failed');
    if (response.headersSent) {
      // Half an answer is out: only a broken connection tells the client that the rest is missing.
      response.destroy();
      return;
    }
    if (error.retryAfterMs !== undefined) response.set('Retry-After', String(Math.ceil(error.retryAfterMs / 1_000)));
    else if (error.status === 503) response.set('Retry-After', '1');
    // A route's own header is about its answer: what is not there now, or away, may be there a moment later.
    response.set('Cache-Control', 'no-store');
    if (error.status === 401) response.set('WWW-Authenticate', 'Bearer');
    response
      .status(error.status)
      .type('application/problem+json')
      .send(JSON.stringify(problemOf(error, request.path)));
  }
}
