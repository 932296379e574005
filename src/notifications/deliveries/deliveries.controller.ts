import { Body, Controller, Get, HttpCode, Param, Post, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, type Caller } from '../../access/index.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import {
  DeliveriesQuery,
  DeliveryDetail,
  DeliveryPage,
  DeliveryParams,
  DeliveryView,
  RedeliverRangeAnswer,
  RedeliverRangeBody,
} from './deliveries.dto.js';
import { DeliveryLog } from './delivery-log.js';
import { Redelivery } from './redelivery.js';

@ApiTags('Notifications')
@ApiBearerAuth()
@Controller('v1/notifications/deliveries')
export class DeliveriesController {
  constructor(
    private readonly log: DeliveryLog,
    private readonly redelivery: Redelivery,
  ) {}

  /** Lists your deliveries, newest first. */
  @Get()
  @CsvList<DeliveryView>('deliveries', [
    'id',
    'type',
    'channel',
    'target',
    'state',
    'reason',
    'ruleId',
    'attempts',
    'nextAttemptAt',
    'createdAt',
    'expiresAt',
    'finishedAt',
  ])
  list(@Query() query: DeliveriesQuery, @CurrentCaller() { userId }: Caller): Promise<DeliveryPage> {
    return this.log.list(userId, query);
  }

  /** Returns one delivery with all its attempts. */
  @Get(':id')
  get(@Param() { id }: DeliveryParams, @CurrentCaller() { userId }: Caller): Promise<DeliveryDetail> {
    return this.log.get(userId, id);
  }

  /** Sends all undelivered messages of a time range again, for example after an outage of your endpoint. */
  @Post('redeliver')
  @HttpCode(202)
  async redeliverRange(
    @Body() body: RedeliverRangeBody,
    @CurrentCaller() { userId }: Caller,
  ): Promise<RedeliverRangeAnswer> {
    return { redelivered: await this.redelivery.redeliverRange(userId, body) };
  }

  /** Sends a finished delivery again, with the same id. */
  @Post(':id/redeliver')
  @HttpCode(202)
  redeliver(@Param() { id }: DeliveryParams, @CurrentCaller() { userId }: Caller): Promise<DeliveryDetail> {
    return this.redelivery.redeliver(userId, id);
  }
}
