import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { LRUCache } from 'lru-cache';
import { answerProblem } from './answer-problem.js';
import type { DomainError } from './domain-error.js';
import { requestError } from './problem.js';

/** Time in which failures with the same reason are logged only once, ms. */
const SAME_REASON_WINDOW_MS = 10_000;
/** Maximum number of reasons kept in memory. */
const MAX_REASONS = 100;

/** Answers every failed request with problem+json and logs the details that the client does not receive. */
@Catch()
export class HttpErrorFilter implements ExceptionFilter {
  private readonly logger = new Logger('HTTP');
  /** Reasons of `unavailable` that were logged within the last `SAME_REASON_WINDOW_MS`. */
  private readonly logged = new LRUCache<string, true>({
    max: MAX_REASONS,
    ttl: SAME_REASON_WINDOW_MS,
    ttlResolution: 0,
  });

  catch(thrown: unknown, host: ArgumentsHost): void {
    // WebSocket gateways have their own exception filter.
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
   * Whether a failure is logged: an internal fault always; `unavailable`, which can fail every request, once per reason and
   * `SAME_REASON_WINDOW_MS`.
   */
  private isNews({ code, message }: DomainError, response: Response): boolean {
    // A drain is intended, and its start is logged elsewhere.
    if (code === 'server_draining') return false;
    if (code !== 'unavailable') return true;
    // A disconnected client is not a fault of the server, and clients can disconnect a thousand times a second.
    if (response.destroyed) return false;
    if (this.logged.has(message)) return false;
    this.logged.set(message, true);
    return true;
  }
}
