import { hash } from 'node:crypto';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Response } from 'express';
import { concatMap, of, type Observable } from 'rxjs';
import { isLong, jsonPieces } from './json-pieces.js';
import { inSlices, ownTurn } from '../loop/slices.js';

interface WrittenBody {
  readonly text: string;
  readonly etag: string;
}

/**
 * Writes long answers as JSON in slices, so that nobody waits for the list of somebody else. An object that is the answer of
 * several requests is written once for all; each of them is sent in a turn of its own.
 */
@Injectable()
export class LongAnswersInterceptor implements NestInterceptor<unknown, unknown> {
  private readonly written = new WeakMap<object, Promise<WrittenBody>>();

  intercept(context: ExecutionContext, next: CallHandler<unknown>): Observable<unknown> {
    if (context.getType() !== 'http') return next.handle();
    const response = context.switchToHttp().getResponse<Response>();
    return next
      .handle()
      .pipe(
        concatMap((body) =>
          typeof body === 'object' && body !== null && isLong(body) ? this.write(body, response) : of(body),
        ),
      );
  }

  private async write(body: object, response: Response): Promise<string> {
    const known = this.written.get(body);
    const writing = known ?? bodyOf(body);
    if (known === undefined) this.written.set(body, writing);
    const { text, etag } = await writing;
    await ownTurn();
    if (!response.headersSent) {
      if (!response.hasHeader('Content-Type')) response.setHeader('Content-Type', 'application/json; charset=utf-8');
      if (!response.hasHeader('ETag')) response.setHeader('ETag', etag);
    }
    return text;
  }
}

async function bodyOf(body: object): Promise<WrittenBody> {
  const pieces = await inSlices(jsonPieces(body));
  const text = pieces.join('');
  return { text, etag: `W/"${text.length.toString(16)}-${hash('sha1', text, 'base64url')}"` };
}
