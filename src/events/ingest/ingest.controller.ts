import { Controller, HttpCode, Post, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import { Roles } from '../../access/index.js';
import { TakesBody } from '../../platform/http/bodies/body-limit.js';
import { itemBatches, STREAM_TYPES } from './ingest-body.js';
import { IngestAnswer, PriceItems, ProtocolItems, TvlItems } from './ingest.dto.js';
import { IngestService, type IngestResult } from './ingest.service.js';
import { PRICE_ITEMS, PROTOCOL_ITEMS, TVL_ITEMS } from './item-kinds.js';

@ApiTags('ingest')
@ApiBearerAuth()
@ApiConsumes('application/json', ...STREAM_TYPES)
@TakesBody('ingest')
@Controller('v1/ingest')
@Roles('writer')
export class IngestController {
  constructor(private readonly service: IngestService) {}

  /**
   * Writes observed TVL values.
   * @remarks Send up to 10,000 items as JSON, or an unlimited number with one item per line as `application/x-ndjson`,
   * `application/ndjson` or `application/jsonl`. A line of more than 64 KiB, or one that is not UTF-8, is a rejected item.
   * Both forms may be compressed (gzip). Each item is accepted or rejected separately. `cursor` is a log position at or
   * after everything that this request published; pass it as `at_least` to queries.
   */
  @Post('tvl')
  @HttpCode(200)
  @ApiBody({ type: TvlItems })
  @ApiOkResponse({ type: IngestAnswer })
  tvl(@Req() request: Request): Promise<IngestResult> {
    return this.service.ingest(TVL_ITEMS, itemBatches(request));
  }

  /** Writes observed token prices. Body, limits and answer are as for TVL. */
  @Post('prices')
  @HttpCode(200)
  @ApiBody({ type: PriceItems })
  @ApiOkResponse({ type: IngestAnswer })
  prices(@Req() request: Request): Promise<IngestResult> {
    return this.service.ingest(PRICE_ITEMS, itemBatches(request));
  }

  /** Adds or changes protocols; fields that are absent or null stay unchanged. Body, limits and answer are as for TVL. */
  @Post('protocols')
  @HttpCode(200)
  @ApiBody({ type: ProtocolItems })
  @ApiOkResponse({ type: IngestAnswer })
  protocols(@Req() request: Request): Promise<IngestResult> {
    return this.service.ingest(PROTOCOL_ITEMS, itemBatches(request));
  }
}
