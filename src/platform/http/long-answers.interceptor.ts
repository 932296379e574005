import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type StreamableFile,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { concatMap, of, type Observable } from 'rxjs';
import { bodyOf } from './answer-body.js';
import { isLong, jsonPieces } from './json-pieces.js';
import { writeInSlices, type WrittenText } from './written-text.js';

/**
 * Writes long answers as JSON in slices, so that a long list does not delay other requests. If several requests share one
 * answer object, its JSON is written once; each answer is sent in a turn of the event loop of its own.
 */
@Injectable()
export class LongAnswersInterceptor implements NestInterceptor<unknown, unknown> {
  private readonly written = new WeakMap<object, Promise<WrittenText>>();

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const http = context.switchToHttp();
    const [request, response] = [http.getRequest<Request>(), http.getResponse<Response>()];
    return next
      .handle()
      .pipe(
        concatMap((body) =>
          typeof body === 'object' && body !== null && isLong(body) ? this.write(body, request, response) : of(body),
        ),
      );
  }

  private async write(
    body: object,
    request: Request,
    response: Response,
  ): Promise<string | StreamableFile | undefined> {
    const known = this.written.get(body);
    const writing = known ?? writeInSlices(jsonPieces(body));
    if (known === undefined) this.written.set(body, writing);
    const text = await writing;
    if (response.headersSent) return undefined;
    if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'application/json; charset=utf-8');
    if (!response.hasHeader('ETag')) response.setHeader('ETag', `W/"${text.length.toString(16)}-${text.digest}"`);
    if (!request.fresh) return bodyOf(text);
    response.status(304);
    return undefined;
  }
}
