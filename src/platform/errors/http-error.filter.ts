import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { answerProblem } from './answer-problem.js';
import type { DomainError } from './domain-error.js';
import { requestError } from './problem.js';

/** Of requests that fail for one reason only the first within this time has an error in the log. */
const SAME_REASON_MS = 10_000;

/** Answers every failed request with problem+json, and logs what the client is not told. */
@Catch()
export class HttpErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('HTTP');
  /** The reason of the newest line about something unavailable. */
  private told = { reason: '', at: 0 };

  catch(thrown: unknown, host: ArgumentsHost): void {
    // Gateways answer through their own filter.
    if (host.getType() !== 'http') throw thrown;
    const http = host.switchToHttp();
    this.answer(requestError(thrown), http.getRequest<Request>(), http.getResponse<Response>());
  }

  protected answer(error: DomainError, request: Request, response: Response): void {
    if (error.status >= 500 && this.isNews(error, response)) {
      this.logger.error({ code: error.code, err: error.cause ?? error }, 'request failed');
    }
    answerProblem(request, response, error);
  }

  /** Every fault of ours is; of what is unavailable, which fails every request, one line in a while for each reason. */
  private isNews({ code, message }: DomainError, response: Response): boolean {
    // A drain is planned, and its beginning has a line of its own.
    if (code === 'server_draining') return false;
    if (code !== 'unavailable') return true;
    // A client that left is no fault of the service, and anybody can leave a thousand times a second.
    if (response.destroyed) return false;
    const now = performance.now();
    if (this.told.reason === message && now - this.told.at < SAME_REASON_MS) return false;
    this.told = { reason: message, at: now };
    return true;
  }
}
