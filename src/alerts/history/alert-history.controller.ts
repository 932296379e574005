import { Controller, Get, Query, UseInterceptors } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { CsvInterceptor } from '../../platform/http/csv.interceptor.js';
import { AlertPage, AlertHistoryQuery } from './alert-history.dto.js';
import { AlertHistory } from './alert-history.js';

@ApiTags('alerts')
@ApiBearerAuth()
@Roles('reader')
@Controller('v1/alerts/history')
export class AlertHistoryController {
  constructor(private readonly history: AlertHistory) {}

  /** What the user's rules told, newest first, each with the values that explain it. */
  @Get()
  @UseInterceptors(CsvInterceptor)
  list(@Query() query: AlertHistoryQuery, @CurrentCaller() { userId }: Caller): Promise<AlertPage> {
    return this.history.list(userId, query);
  }
}
