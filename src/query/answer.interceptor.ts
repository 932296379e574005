import { hash } from 'node:crypto';
import {
  Injectable,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type StreamableFile,
} from '@nestjs/common';
import type { Request, Response } from 'express';
import { concatMap, type Observable } from 'rxjs';
import { prefersCsv } from '../platform/http/csv.interceptor.js';
import { bodyOf } from '../platform/http/answer-body.js';
import type { AnsweredQuery } from './query.service.js';
import type { QueryAnswer } from './query.dto.js';

/** Rows and columns of an answer that is sent as CSV. */
interface Table extends Pick<QueryAnswer, 'page'> {
  readonly data: readonly object[];
  readonly columns?: readonly string[];
}
type Body = string | StreamableFile | Table | undefined;

/**
 * Sends an answer as a `QueryAnswer` around rows whose JSON is written once for all clients; as CSV it sends the rows, or
 * the plan as one row. Sets a weak ETag of data and page, or of the plan; `meta` is not part of it, because its times always
 * differ. `QUERY` is a safe method, so a client that has this data gets 304; an answer to POST only carries the tag.
 */
@Injectable()
export class AnswerInterceptor implements NestInterceptor<AnsweredQuery, Body> {
  intercept(context: ExecutionContext, next: CallHandler<AnsweredQuery>): Observable<Body> {
    const request = context.switchToHttp().getRequest<Request>();
    const response = context.switchToHttp().getResponse<Response>();
    return next.handle().pipe(concatMap((answer) => written(answer, request, response)));
  }
}

async function written(
  { rows, from, to, page, meta, explain }: AnsweredQuery,
  request: Request,
  response: Response,
): Promise<Body> {
  const text = await rows.text(from, to);
  const etag = `W/"${hash('sha1', JSON.stringify([text.digest, page, explain]), 'base64url')}"`;
  response.setHeader('ETag', etag);
  response.setHeader('Cache-Control', 'private, no-cache');
  if (request.method === 'QUERY' && names(request.headers['if-none-match'], etag)) {
    response.status(304);
    return undefined;
  }
  if (prefersCsv(request)) {
    return explain ? { data: [explain], page } : { data: rows.slice(from, to), page, columns: rows.names };
  }
  response.type('application/json; charset=utf-8');
  return bodyOf('{"data":', text, `,${JSON.stringify({ page, meta, explain }).slice(1)}`);
}

function names(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  const weak = (tag: string): string => tag.trim().replace(/^W\//, '');
  return header.trim() === '*' || header.split(',').some((tag) => weak(tag) === weak(etag));
}
