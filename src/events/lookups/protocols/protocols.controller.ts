import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { Roles } from '../../../access/index.js';
import { CsvList } from '../../../platform/http/csv.interceptor.js';
import { ProtocolLookups } from './protocol-lookups.js';
import { type ProtocolAnswer, ProtocolDetailAnswer, ProtocolsAnswer, ProtocolsQuery } from './protocols.dto.js';
import { ProtocolParams } from '../values/tvl.dto.js';
import { NoQuery } from '../../../platform/http/paging/page.dto.js';

@ApiTags('protocols')
@Roles('reader')
@Controller('v1/protocols')
export class ProtocolsController {
  constructor(private readonly protocols: ProtocolLookups) {}

  /** Lists protocols in pages; they can be searched, filtered and sorted. */
  @Get()
  @CsvList<ProtocolAnswer>('protocols', [
    'protocol',
    'name',
    'symbol',
    'category',
    'chains',
    'url',
    'tvl',
    'change1h',
    'change24h',
    'change7d',
  ])
  list(@Query() query: ProtocolsQuery): Promise<ProtocolsAnswer> {
    return this.protocols.list(query);
  }

  /** Returns one protocol: its description, total TVL and the TVL of each chain. */
  @Get(':protocol')
  one(@Param() { protocol }: ProtocolParams, @Query() _query: NoQuery): Promise<ProtocolDetailAnswer> {
    return this.protocols.one(protocol);
  }
}
