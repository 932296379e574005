import { Controller, Get, Query, UseInterceptors } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Roles } from '../../access/index.js';
import { CsvInterceptor } from '../../platform/http/csv.interceptor.js';
import { ListQuery } from './list.dto.js';
import { MarketLookups } from './market-lookups.js';
import { ChainsAnswer, MoversAnswer, MoversQuery, TokensAnswer, TokensQuery } from './markets.dto.js';

@ApiTags('markets')
@Roles('reader')
@Controller('v1')
@UseInterceptors(CsvInterceptor)
export class MarketsController {
  constructor(private readonly markets: MarketLookups) {}

  /** Real chains by TVL. */
  @Get('chains')
  chains(@Query() query: ListQuery): ChainsAnswer {
    return this.markets.chains(query);
  }

  /** Tokens with a published price. */
  @Get('tokens')
  tokens(@Query() query: TokensQuery): TokensAnswer {
    return this.markets.tokens(query);
  }

  /** The biggest relative moves of protocols' TVL or tokens' prices. */
  @Get('movers')
  movers(@Query() query: MoversQuery): MoversAnswer {
    return this.markets.movers(query);
  }
}
