import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Roles } from '../../../access/index.js';
import { CsvList } from '../../../platform/http/csv.interceptor.js';
import { HISTORY_COLUMNS, HistoryAnswer, HistoryQuery, type HistoryRow } from './history.dto.js';
import { HistoryLookups } from './history-lookups.js';
import { PRICE_COLUMNS, type PriceAnswer, PricesAnswer, TokenParams, TokensParams } from './prices.dto.js';
import { ExactQuery } from './tvl.dto.js';
import { ValueLookups } from './value-lookups.js';

@ApiTags('prices')
@Roles('reader')
@Controller('v1/prices')
export class PricesController {
  constructor(
    private readonly values: ValueLookups,
    private readonly histories: HistoryLookups,
  ) {}

  /** Returns the price history of a token. */
  @Get(':token/history')
  @CsvList<HistoryRow>('price-history', HISTORY_COLUMNS)
  history(@Param() { token }: TokenParams, @Query() query: HistoryQuery): Promise<HistoryAnswer> {
    return this.histories.read('price', token, null, query);
  }

  /** Returns the last published prices of one or more tokens. */
  @Get(':tokens')
  @CsvList<PriceAnswer>('prices', PRICE_COLUMNS)
  prices(@Param() { tokens }: TokensParams, @Query() { exact }: ExactQuery): Promise<PricesAnswer> {
    return this.values.prices(tokens, exact);
  }
}
