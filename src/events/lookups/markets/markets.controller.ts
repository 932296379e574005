import { Controller, Get, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Roles } from '../../../access/index.js';
import { CsvList } from '../../../platform/http/csv.interceptor.js';
import { MarketLookups } from './market-lookups.js';
import {
  type ChainAnswer,
  ChainsAnswer,
  type MoverAnswer,
  MoversAnswer,
  MoversQuery,
  TokensAnswer,
  TokensQuery,
} from './markets.dto.js';
import { PRICE_COLUMNS, type PriceAnswer } from '../values/prices.dto.js';
import { PageQuery } from '../../../platform/http/paging/page.dto.js';

@ApiTags('markets')
@Roles('reader')
@Controller('v1')
export class MarketsController {
  constructor(private readonly markets: MarketLookups) {}

  /** Lists real chains in descending order of TVL. */
  @Get('chains')
  @CsvList<ChainAnswer>('chains', ['chain', 'tvl', 'netTvl', 'protocols'])
  chains(@Query() query: PageQuery): Promise<ChainsAnswer> {
    return this.markets.chains(query);
  }

  /** Lists tokens with a published price. */
  @Get('tokens')
  @CsvList<PriceAnswer>('tokens', PRICE_COLUMNS)
  tokens(@Query() query: TokensQuery): Promise<TokensAnswer> {
    return this.markets.tokens(query);
  }

  /** Lists the largest relative changes of protocols' TVL or tokens' prices. */
  @Get('movers')
  @CsvList<MoverAnswer>('movers', [
    'metric',
    'protocol',
    'token',
    'name',
    'symbol',
    'category',
    'value',
    'changePercent',
    'change1h',
    'change24h',
    'change7d',
  ])
  movers(@Query() query: MoversQuery): Promise<MoversAnswer> {
    return this.markets.movers(query);
  }
}
