import { createHash } from 'node:crypto';
import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Request, Response } from 'express';
import { map, type Observable } from 'rxjs';
import type { QueryAnswer } from './query.dto.js';

/**
 * Names an answer by its data and page, or its plan, weakly: its times differ every time. `QUERY` is safe, so that who has this data
 * already gets 304; for POST the name is only told.
 */
@Injectable()
export class EtagInterceptor implements NestInterceptor<QueryAnswer, QueryAnswer | undefined> {
  intercept(context: ExecutionContext, next: CallHandler<QueryAnswer>): Observable<QueryAnswer | undefined> {
    const request = context.switchToHttp().getRequest<Request>();
    const response = context.switchToHttp().getResponse<Response>();
    return next.handle().pipe(
      map((answer) => {
        const etag = `W/"${createHash('sha1')
          .update(JSON.stringify([answer.data, answer.page, answer.explain]))
          .digest('base64url')}"`;
        response.setHeader('ETag', etag);
        response.setHeader('Cache-Control', 'private, no-cache');
        if (request.method !== 'QUERY' || !names(request.headers['if-none-match'], etag)) return answer;
        response.status(304);
        return undefined;
      }),
    );
  }
}

function names(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const weak = (tag: string): string => tag.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((tag) => weak(tag) === weak(etag));
}
