import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Roles } from '../../../access/index.js';
import { CsvList } from '../../../platform/http/csv.interceptor.js';
import { HISTORY_COLUMNS, HistoryAnswer, HistoryQuery, type HistoryRow } from './history.dto.js';
import { HistoryLookups } from './history-lookups.js';
import { ChainTvlAnswer, ExactQuery, ProtocolChainParams, ProtocolParams, ProtocolTvlAnswer } from './tvl.dto.js';
import { ValueLookups } from './value-lookups.js';

@ApiTags('tvl')
@Roles('reader')
@Controller('v1/tvl')
export class TvlController {
  constructor(
    private readonly values: ValueLookups,
    private readonly histories: HistoryLookups,
  ) {}

  /** Returns the TVL history of a protocol over all its real chains. */
  @Get(':protocol/history')
  @CsvList<HistoryRow>('tvl-history', HISTORY_COLUMNS)
  protocolHistory(@Param() { protocol }: ProtocolParams, @Query() query: HistoryQuery): Promise<HistoryAnswer> {
    return this.histories.read('tvl', protocol, null, query);
  }

  /** Returns the TVL history of a protocol on one chain. */
  @Get(':protocol/:chain/history')
  @CsvList<HistoryRow>('tvl-history', HISTORY_COLUMNS)
  chainHistory(
    @Param() { protocol, chain }: ProtocolChainParams,
    @Query() query: HistoryQuery,
  ): Promise<HistoryAnswer> {
    return this.histories.read('tvl', protocol, chain, query);
  }

  /** Returns the last published TVL of a protocol: the total over its real chains, and the value of each chain. */
  @Get(':protocol')
  protocol(@Param() { protocol }: ProtocolParams, @Query() { exact }: ExactQuery): Promise<ProtocolTvlAnswer> {
    return this.values.protocolTvl(protocol, exact);
  }

  /** Returns the last published TVL of a protocol on one chain. */
  @Get(':protocol/:chain')
  chain(@Param() { protocol, chain }: ProtocolChainParams, @Query() { exact }: ExactQuery): Promise<ChainTvlAnswer> {
    return this.values.chainTvl(protocol, chain, exact);
  }
}
