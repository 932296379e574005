import { Body, Controller, HttpCode, Post, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiOkResponse, ApiTags } from '@nestjs/swagger';
import type { Response } from 'express';
import { Audited, Roles } from '../../access/index.js';
import { Costly } from '../../platform/http/costly.js';
import { DryRunAnswer, RecalculateAnswer, RecalculateBody, PointsRuleBody, PointsRuleView } from './points.dto.js';
import { DailyPoints } from './daily-points.js';
import { RuleChanges } from './rule-changes.js';

@ApiTags('points')
@ApiBearerAuth()
@Roles('admin')
@Controller('v1')
export class PointRulesController {
  constructor(
    private readonly changes: RuleChanges,
    private readonly days: DailyPoints,
  ) {}

  /**
   * Adds a version of the rates. One that is valid from a time in the past recalculates all points and publishes the changes.
   * @remarks With `dryRun` nothing is added: the answer, 200, lists whose points would change.
   */
  @Post('points/rules')
  @Costly()
  @Audited('point_rule.create')
  @ApiOkResponse({ type: DryRunAnswer, description: 'Result of a dry run.' })
  @ApiCreatedResponse({ type: PointsRuleView })
  async add(
    @Body() body: PointsRuleBody,
    @Res({ passthrough: true }) response: Response,
  ): Promise<PointsRuleView | DryRunAnswer> {
    if (body.dryRun !== true) return this.changes.add(body, 'rest');
    response.status(200);
    return this.changes.tryOut(body);
  }

  /** Calculates the points at the end of a day again and compares balances with their intervals; twice changes nothing. */
  @Post('admin/onchain/recalculate')
  @HttpCode(200)
  @Costly()
  @Audited('points.recalculate')
  recalculate(@Body() { day }: RecalculateBody): Promise<RecalculateAnswer> {
    return this.days.calculate(day);
  }
}
