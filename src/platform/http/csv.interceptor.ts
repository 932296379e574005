import {
  applyDecorators,
  Injectable,
  SetMetadata,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
  type StreamableFile,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { ApiProduces } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { concatMap, type Observable } from 'rxjs';
import { Costly } from './costly.js';
import { columnsOf, CSV, toCsvInSlices } from './csv.js';
import { bodyOf } from './answer-body.js';

interface Page {
  data: readonly object[];
  page?: { next_cursor: string | null };
  /** Columns of the rows, if the handler names them. */
  columns?: readonly string[];
}

type Answer = Page | string | StreamableFile | undefined;

/** Columns of a list: names of its rows' members, or a function that derives them from the query parameters. */
type Columns<Name extends string = string> = readonly Name[] | ((query: Request['query']) => readonly Name[]);

interface CsvTable {
  readonly name: string;
  readonly columns: Columns;
}

const TABLE = 'csv_table';
const UNNAMED: CsvTable = { name: 'data', columns: [] };

/**
 * Media types of answers with all their parameters, so that an `Accept` header matches whichever of these parameters it has.
 */
const JSON_FORM = 'application/json; charset=utf-8';
const CSV_FORM = `${CSV}; charset=utf-8; header=present`;

/** Whether a client prefers CSV to JSON. */
export function prefersCsv(request: Request): boolean {
  return request.accepts([JSON_FORM, CSV_FORM]) === CSV_FORM;
}

/**
 * Sends a list as CSV if the client prefers `text/csv`; the cursor of the next page is then in the header `X-Next-Cursor`.
 */
@Injectable()
class CsvInterceptor implements NestInterceptor<Page | undefined, Answer> {
  constructor(private readonly reflector: Reflector) {}

  intercept(context: ExecutionContext, next: CallHandler<Page | undefined>): Observable<Answer> {
    const http = context.switchToHttp();
    const response = http.getResponse<Response>();
    response.vary('Accept');
    const request = http.getRequest<Request>();
    if (!prefersCsv(request)) return next.handle();
    const { name, columns } = this.reflector.get<CsvTable | undefined>(TABLE, context.getHandler()) ?? UNNAMED;
    const usual = typeof columns === 'function' ? columns(request.query) : columns;
    return next.handle().pipe(concatMap((answer) => written(answer, response, name, usual)));
  }
}

async function written(
  answer: Page | undefined,
  response: Response,
  name: string,
  usual: readonly string[],
): Promise<string | StreamableFile | undefined> {
  // Undefined means status 304, which has no body.
  if (answer === undefined) return undefined;
  // Declared columns come first on every page, whatever members its rows have, because clients concatenate pages.
  const { data, page, columns = [...new Set([...usual, ...columnsOf(data)])] } = answer;
  const text = await toCsvInSlices(data, columns);
  response.type(`${CSV}; charset=utf-8`);
  response.setHeader('Content-Disposition', `attachment; filename="${name}.csv"`);
  if (page?.next_cursor) response.setHeader('X-Next-Cursor', page.next_cursor);
  return bodyOf(text);
}

/**
 * Declares a list that is also available as CSV: the file's name and the columns that every page has. Marks the route as
 * costly.
 */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- names the rows whose members columns are
export function CsvList<Row extends object>(name: string, columns: Columns<keyof Row & string>): MethodDecorator {
  return applyDecorators(
    SetMetadata(TABLE, { name, columns }),
    UseInterceptors(CsvInterceptor),
    Costly(),
    ApiProduces('application/json', CSV),
  );
}
