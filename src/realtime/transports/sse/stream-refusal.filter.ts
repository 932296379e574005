import { Catch, Logger } from '@nestjs/common';
import type { Request, Response } from 'express';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { HttpErrorFilter } from '../../../platform/errors/http-error.filter.js';
import { Settings } from '../../../platform/settings/settings.js';
import { refuseForNow } from './stream-head.js';

/**
 * Refusals of event streams. An `EventSource` gives up for good after any status but 200, so a temporary refusal is sent inside
 * a stream that ends at once, and the browser reconnects by itself. Behind a proxy it is a plain 503 instead: the next process
 * may accept the client, and the shipped nginx turns the last refusal into the same stream.
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
      // Marks a final 429, which the shipped nginx must not retry.
      response.set('X-Retryable', 'false');
      return super.answer(error, request, response);
    }
    if (this.settings.trustProxy > 0) return super.answer(forProxies(error), request, response);
    if (error.code === 'internal_error') this.log.error({ err: error.cause ?? error }, 'stream could not begin');
    refuseForNow(response, error);
  }
}

/** Returns the error as 503: proxies try the next process after this status only. */
function forProxies(error: DomainError): DomainError {
  if (error.code !== 'internal_error') return error;
  return new DomainError('unavailable', 'The stream cannot begin now; try again shortly.', { cause: error });
}
