import { Catch, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { HttpErrorFilter } from '../../../platform/errors/http-error.filter.js';
import { Settings } from '../../../platform/settings/settings.js';
import { refuseForNow } from './stream-head.js';

/**
 * What refuses an event stream. An `EventSource` gives up for good after any status but 200, so what will be over in a moment
 * is said inside a stream that ends at once, and the browser comes back by itself. Behind a proxy it is a plain 503 instead:
 * the next process may take the client, and the shipped nginx makes the same stream of what is left.
 */
@Catch()
export class StreamRefusalFilter extends HttpErrorFilter {
  private readonly log = new Logger('EventStream');

  constructor(private readonly settings: Settings) {
    super();
  }

  protected override answer(error: DomainError, request: Request, response: Response): void {
    if (response.headersSent) return super.answer(error, request, response);
    if (!error.retryable) {
      // By this the shipped nginx tells a 429 that is final from one that is not.
      response.set('X-Retryable', 'false');
      return super.answer(error, request, response);
    }
    if (this.settings.trustProxy > 0) return super.answer(forProxies(error), request, response);
    if (error.code === 'internal_error') this.log.error({ err: error.cause ?? error }, 'a stream could not begin');
    refuseForNow(response, error);
  }
}

/** Proxies ask the next process after 503 only. */
function forProxies(error: DomainError): DomainError {
  if (error.code !== 'internal_error') return error;
  return new DomainError('unavailable', 'The stream cannot begin at the moment; try again shortly.', { cause: error });
}
