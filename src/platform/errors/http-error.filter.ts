import { Catch, Logger, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { Request, Response } from 'express';
import { answerProblem } from './answer-problem.js';
import type { DomainError } from './domain-error.js';
import { requestError } from './problem.js';

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
    // A client that left is no fault of the service, and anybody can leave a thousand times a second.
    const hasLeft = response.destroyed && error.code === 'unavailable';
    // A drain is planned, and its beginning has a line of its own.
    if (error.status >= 500 && !hasLeft && error.code !== 'server_draining') {
      this.logger.error({ code: error.code, err: error.cause ?? error }, 'request failed');
    }
    answerProblem(request, response, error);
  }
}
