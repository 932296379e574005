import { Injectable, type CallHandler, type ExecutionContext, type NestInterceptor } from '@nestjs/common';
import type { Request, Response } from 'express';
import { map, type Observable } from 'rxjs';
import { toCsv } from './csv.js';

interface Page {
  data: readonly object[];
  page?: { next_cursor: string | null };
  /** Where they are known beforehand: a list without rows then still has its header. */
  columns?: readonly string[];
}

/** Whether a client would rather have CSV than JSON. */
export function prefersCsv(request: Request): boolean {
  return request.accepts(['json', 'csv']) === 'csv';
}

/** Gives a list as CSV to who prefers `text/csv`; the next page's cursor is then in `X-Next-Cursor`. */
@Injectable()
export class CsvInterceptor implements NestInterceptor<Page | undefined, Page | string | undefined> {
  intercept(context: ExecutionContext, next: CallHandler<Page | undefined>): Observable<Page | string | undefined> {
    const http = context.switchToHttp();
    const response = http.getResponse<Response>();
    response.vary('Accept');
    if (!prefersCsv(http.getRequest<Request>())) return next.handle();
    return next.handle().pipe(
      map((answer) => {
        // 304: the client has it already.
        if (answer === undefined) return answer;
        const { data, page, columns } = answer;
        response.type('text/csv; charset=utf-8');
        if (page?.next_cursor) response.setHeader('X-Next-Cursor', page.next_cursor);
        return toCsv(data, columns);
      }),
    );
  }
}
