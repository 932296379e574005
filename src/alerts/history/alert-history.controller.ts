import { Controller, Get, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { AlertPage, AlertHistoryQuery, type AlertView } from './alert-history.dto.js';
import { AlertHistory } from './alert-history.js';

@ApiTags('alerts')
@ApiBearerAuth()
@Roles('reader')
@Controller('v1/alerts/history')
export class AlertHistoryController {
  constructor(private readonly history: AlertHistory) {}

  /** Lists the alerts of the user's rules, newest first; each has the values that explain it. */
  @Get()
  @CsvList<AlertView>('alerts', [
    'alertId',
    'ruleId',
    'ruleVersion',
    'name',
    'state',
    'reason',
    'message',
    'priority',
    'protocol',
    'chain',
    'token',
    'metric',
    'value',
    'threshold',
    'explanation',
    'outcome',
    'count',
    'firstValue',
    'lastValue',
    'subjects',
    'at',
    'evaluatedAt',
  ])
  list(@Query() query: AlertHistoryQuery, @CurrentCaller() { userId }: Caller): Promise<AlertPage> {
    return this.history.list(userId, query);
  }
}
