import { Controller, HttpCode, Post, QueryMethod, Req, Res, UseInterceptors } from '@nestjs/common';
import { ApiBody, ApiExcludeEndpoint, ApiExtraModels, ApiOkResponse, ApiResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { CurrentCaller, Roles, type Caller } from '../access/index.js';
import { TakesBody } from '../platform/http/bodies/body-limit.js';
import { AnswerInterceptor } from './answer.interceptor.js';
import { CsvList } from '../platform/http/csv.interceptor.js';
import { parseQuery } from './core/parse/parse-query.js';
import { leaving } from '../platform/request/leaving.js';
import { QueryAnswer, QueryRequest, QuerySort } from './query.dto.js';
import { ANSWER_EXAMPLES, REQUEST_EXAMPLES } from './query.examples.js';
import { BAD_REQUEST_EXAMPLES, BUSY_EXAMPLES, LIMIT_EXAMPLES } from './query-problems.examples.js';
import { QueryService, type AnsweredQuery } from './query.service.js';

const examples = (of: Readonly<Record<string, object>>) => ({ 'application/problem+json': { examples: { ...of } } });

@ApiTags('query')
@ApiExtraModels(QuerySort)
@Roles('reader')
@TakesBody('large')
@Controller('v1/query')
export class QueryController {
  constructor(private readonly queries: QueryService) {}

  /**
   * Answers a query of the data with conditions, groups, time buckets, percentiles and pages.
   * @remarks The HTTP method `QUERY` (RFC 10008) does the same, is safe to repeat and answers 304 to `If-None-Match`.
   * `Accept: text/csv` returns CSV. A query is cancelled after 30 s, or when its client disconnects.
   */
  @Post('advanced')
  @UseInterceptors(AnswerInterceptor)
  @HttpCode(200)
  @ApiBody({ type: QueryRequest, examples: { ...REQUEST_EXAMPLES } })
  @ApiOkResponse({ type: QueryAnswer, examples: ANSWER_EXAMPLES })
  @ApiResponse({
    status: 400,
    description: 'The query is not valid; `errors` lists the faulty members.',
    content: examples(BAD_REQUEST_EXAMPLES),
  })
  @ApiResponse({
    status: 422,
    description: 'A limit is exceeded; `errors` contain possible remedies.',
    content: examples(LIMIT_EXAMPLES),
  })
  @ApiResponse({
    status: 503,
    description: 'Too many queries, or `at_least` not reached in time; see Retry-After.',
    content: examples(BUSY_EXAMPLES),
  })
  @CsvList('query', [])
  post(@Req() request: Request, @Res({ passthrough: true }) response: Response, @CurrentCaller() caller: Caller) {
    return this.answer(request, response, caller);
  }

  /** Excluded from the OpenAPI document, because OpenAPI 3.1 cannot describe the method `QUERY`. */
  @QueryMethod('advanced')
  @UseInterceptors(AnswerInterceptor)
  @ApiExcludeEndpoint()
  @CsvList('query', [])
  query(@Req() request: Request, @Res({ passthrough: true }) response: Response, @CurrentCaller() caller: Caller) {
    return this.answer(request, response, caller);
  }

  private answer(request: Request, response: Response, caller: Caller): Promise<AnsweredQuery> {
    return this.queries.answer(parseQuery(request.body), caller, leaving(response));
  }
}
