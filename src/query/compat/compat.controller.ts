import { Controller, Get, Header, Param, Query, Req } from '@nestjs/common';
import { ApiExtraModels, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import { AnonymousAllowed, Roles } from '../../access/index.js';
import { Costly } from '../../platform/http/costly.js';
import {
  LlamaChain,
  LlamaChainHistory,
  LlamaChainParams,
  LlamaChainPoint,
  LlamaCoin,
  LlamaCoins,
  LlamaCoinsParams,
  LlamaCoinsQuery,
  LlamaProtocol,
  LlamaProtocolHistory,
  LlamaProtocolParams,
} from './compat.dto.js';
import { LlamaAnswers } from './llama-answers.js';

/**
 * Cache header of current values. They change many times a second, but clients and proxies need not request them more often
 * than once a second.
 */
const PRESENT = 'max-age=1, stale-while-revalidate=10';
/** Cache header of daily histories, of which only the last point changes. */
const HISTORY = 'max-age=30, stale-while-revalidate=300';

/**
 * DefiLlama's free routes with the same answers, so that its clients work after a change of the base URL. Every answer has
 * an ETag; `If-None-Match` is answered with 304.
 */
@ApiTags('DefiLlama-compatible')
@ApiExtraModels(LlamaChainHistory, LlamaCoin)
@AnonymousAllowed()
@Roles('reader')
@Costly()
@Controller()
export class CompatController {
  constructor(private readonly llama: LlamaAnswers) {}

  /** Lists all protocols with their TVL, in descending order of TVL. */
  @Get('protocols')
  @Header('Cache-Control', PRESENT)
  protocols(): Promise<LlamaProtocol[]> {
    return this.llama.protocols();
  }

  /** Returns one protocol with the daily history of its total and of each chain. */
  @Get('protocol/:protocol')
  @Header('Cache-Control', HISTORY)
  @ApiOkResponse({ type: LlamaProtocolHistory })
  protocol(@Param() { protocol }: LlamaProtocolParams): Promise<LlamaProtocolHistory> {
    return this.llama.protocol(protocol);
  }

  /** Returns the current TVL of a protocol as a plain number of US dollars. */
  @Get('tvl/:protocol')
  @Header('Cache-Control', PRESENT)
  @Header('Content-Type', 'application/json; charset=utf-8')
  @ApiOkResponse({ content: { 'application/json': { schema: { type: 'number', example: 4_962_012_809.79 } } } })
  tvl(@Param() { protocol }: LlamaProtocolParams): number {
    return this.llama.tvl(protocol);
  }

  /**
   * Lists the current TVL of all chains, in descending order.
   * @remarks Excludes the categories and double-counted protocols that DefiLlama omits from chains; `/v1/chains` has both
   * totals.
   */
  @Get('v2/chains')
  @Header('Cache-Control', PRESENT)
  chains(): Promise<LlamaChain[]> {
    return this.llama.chains();
  }

  /** Returns the daily total TVL of all chains. */
  @Get('v2/historicalChainTvl')
  @Header('Cache-Control', HISTORY)
  @ApiOperation({ operationId: 'historicalChainTvl' })
  history(): Promise<LlamaChainPoint[]> {
    return this.llama.history();
  }

  /** Returns the daily TVL of one chain. */
  @Get('v2/historicalChainTvl/:chain')
  @Header('Cache-Control', HISTORY)
  chainHistory(@Param() { chain }: LlamaChainParams): Promise<LlamaChainPoint[]> {
    return this.llama.history(chain);
  }

  /**
   * Returns the current prices of coins: at most 500 in a URL of at most 32 KB. Unknown coins and prices that are too old
   * are omitted.
   */
  @Get('prices/current/:coins')
  @Header('Cache-Control', PRESENT)
  coins(
    @Param() { coins }: LlamaCoinsParams,
    @Query() { searchWidth }: LlamaCoinsQuery,
    @Req() request: Request,
  ): Promise<LlamaCoins> {
    return this.llama.coins(coins, searchWidth, request.originalUrl);
  }
}
