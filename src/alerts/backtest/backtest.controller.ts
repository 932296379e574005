import { Readable } from 'node:stream';
import { Body, Controller, HttpCode, Post, Req, Res, StreamableFile } from '@nestjs/common';
import { ApiBearerAuth, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { TakesBody } from '../../platform/http/bodies/body-limit.js';
import { Costly } from '../../platform/http/costly.js';
import { leaving } from '../../platform/request/leaving.js';
import { BacktestAnswer, BacktestBody } from './backtest.dto.js';
import { backtestEvents } from './backtest-stream.js';
import { Backtests } from './backtests.js';

const EVENT_STREAM = 'text/event-stream';

@ApiTags('alerts')
@ApiBearerAuth()
@Roles('reader')
@TakesBody('large')
@Costly()
@Controller('v1/alerts/rules/backtest')
export class BacktestController {
  constructor(private readonly backtests: Backtests) {}

  /**
   * Backtests a rule over a stored period.
   * @remarks The same code evaluates live rules and plans their messages, including throttle, hysteresis, quiet hours and
   * digests. `curve` shows how often other thresholds would have fired. If the client ends the request, the backtest
   * ends, too. With `Accept: text/event-stream` the answer is a stream of `progress {done, of}` and finally `result` or
   * `error`.
   */
  @Post()
  @HttpCode(200)
  @ApiOkResponse({ type: BacktestAnswer })
  run(
    @Body() body: BacktestBody,
    @CurrentCaller() caller: Caller,
    @Req() request: Request,
    @Res({ passthrough: true }) response: Response,
  ): Promise<BacktestAnswer> | StreamableFile {
    const signal = leaving(response);
    const run = (progress?: SharedArrayBuffer) => this.backtests.run(caller, body, signal, progress);
    if (request.accepts('json', EVENT_STREAM) !== EVENT_STREAM) return run();
    return new StreamableFile(Readable.from(backtestEvents(run)), { type: EVENT_STREAM });
  }
}
