import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { LRUCache } from 'lru-cache';
import { answerProblem } from './answer-problem.js';
import type { DomainError } from './domain-error.js';
import { requestError } from './problem.js';

/** Time within which only the first of the failures with one reason is logged as an error, ms. */
const SAME_REASON_MS = 10_000;
/** Maximum number of reasons that are remembered. */
const MAX_REASONS = 100;

/** Answers every failed request with problem+json, and logs the details that the client does not receive. */
@Catch()
export class HttpErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('HTTP');
  /** Reasons of unavailability that were logged lately. */
  private readonly logged = new LRUCache<string, true>({ max: MAX_REASONS, ttl: SAME_REASON_MS, ttlResolution: 0 });

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

  /**
   * Whether a failure is logged: internal faults always, unavailability, which fails every request, once in a while per reason.
   */
  private isNews({ code, message }: DomainError, response: Response): boolean {
    // Drains are planned, and their beginning is logged elsewhere.
    if (code === 'server_draining') return false;
    if (code !== 'unavailable') return true;
    // A client that disconnected is no fault of the service, and a client can do so a thousand times a second.
    if (response.destroyed) return false;
    if (this.logged.has(message)) return false;
    this.logged.set(message, true);
    return true;
  }
}
