import { Controller, HttpCode, Post, Query, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import { Roles } from '../../access/index.js';
import { itemBatches, STREAM_TYPES } from '../../events/index.js';
import { TakesBody } from '../../platform/http/bodies/body-limit.js';
import { EventIngest } from './event-ingest.js';
import { PostedChainItems, PostedEventsAnswer, PostedEventsQuery } from './posted-events.dto.js';

@ApiTags('onchain')
@ApiBearerAuth()
@Roles('writer')
@Controller('v1/onchain/events')
export class PostedChainEventsController {
  constructor(private readonly events: EventIngest) {}

  /**
   * Takes events that the writer read from a chain itself.
   * @remarks JSON or one item per line, both may be compressed (gzip). A repeated event counts as accepted, and one that was
   * also read from an endpoint is the same. On a chain without endpoints, everything up to the newest block seen counts as
   * complete, or what `fromBlock` and `toBlock` state; another block hash at a known height replaces that block and all
   * later ones. On a followed chain an event must be in the canonical block, else it is rejected as `unknown_block`.
   */
  @Post()
  @HttpCode(200)
  @TakesBody('ingest')
  @ApiConsumes('application/json', ...STREAM_TYPES)
  @ApiBody({ type: PostedChainItems })
  post(@Req() request: Request, @Query() query: PostedEventsQuery): Promise<PostedEventsAnswer> {
    return this.events.ingest(itemBatches(request), query);
  }
}
