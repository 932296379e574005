import { Body, Controller, HttpCode, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { TakesBody } from '../../platform/http/bodies/body-limit.js';
import { BacktestAnswer, BacktestBody } from './backtest.dto.js';
import { Backtests } from './backtests.js';

@ApiTags('alerts')
@ApiBearerAuth()
@Roles('reader')
@TakesBody('large')
@Controller('v1/alerts/rules/backtest')
export class BacktestController {
  constructor(private readonly backtests: Backtests) {}

  /**
   * What a rule would have told over a stored period.
   * @remarks The evaluator and the plan of messages are those of live rules: throttle, hysteresis, quiet hours and
   * digests included. `curve` shows how often other thresholds would have fired.
   */
  @Post()
  @HttpCode(200)
  run(@Body() body: BacktestBody, @CurrentCaller() caller: Caller): Promise<BacktestAnswer> {
    return this.backtests.run(caller, body);
  }
}
