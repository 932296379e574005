import { Controller, Get, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Roles } from '../../access/index.js';
import { Costly } from '../../platform/http/costly.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { NoQuery } from '../../platform/http/paging/page.dto.js';
import { Explained } from './explained.js';
import { FeastPool } from './feast-pool.js';
import { PointsReads } from './points-reads.js';
import {
  AccountParams,
  AccountPointsView,
  ExplainAnswer,
  PointsExplainQuery,
  FeastPoolAnswer,
  PointsHistoryAnswer,
  PointsHistoryQuery,
  type PointsHistoryRow,
  LeaderboardAnswer,
  LeaderboardQuery,
  type LeaderboardRow,
  RulesAnswer,
  type PointsRuleView,
} from './points.dto.js';

@ApiTags('points')
@ApiBearerAuth()
@Roles('reader')
@Controller('v1/points')
export class PointsController {
  constructor(
    private readonly reads: PointsReads,
    private readonly explained: Explained,
    private readonly feastPool: FeastPool,
  ) {}

  /**
   * Lists accounts by their points; equal ones by account.
   * @remarks All pages show one state if the next is requested within a few seconds. With more than
   * 10,000 accounts the state may be up to 5 s older than the newest block; `as_of` names it.
   */
  @Get('leaderboard')
  @CsvList<LeaderboardRow>('leaderboard', ['rank', 'account', 'points', 'pending', 'final'])
  leaderboard(@Query() query: LeaderboardQuery): Promise<LeaderboardAnswer> {
    return this.reads.leaderboard(query);
  }

  /** Lists the versions of the rates in the order in which they were added. */
  @Get('rules')
  @CsvList<PointsRuleView>('point-rules', [
    'version',
    'validFrom',
    'stakedPerTokenPerDay',
    'heldPerTokenPerDay',
    'chains',
    'contracts',
    'origin',
  ])
  rules(@Query() _query: NoQuery): Promise<RulesAnswer> {
    return this.reads.rules();
  }

  /**
   * Lists the epochs of the feast pool.
   * @remarks The budget of an epoch is shared by the milliseconds that tokens were staked in it, rounded down; the remainder
   * goes to the next epoch. This definition is the server's own.
   */
  @Get('feast-pool')
  epochs(@Query() _query: NoQuery): Promise<FeastPoolAnswer> {
    return this.feastPool.epochs();
  }

  /** Returns the points of an account; zeros for an account that is not known. */
  @Get(':account')
  account(@Param() { account }: AccountParams, @Query() _query: NoQuery): Promise<AccountPointsView> {
    return this.reads.account(account);
  }

  /** Returns the points of an account at the end of each day; the last row is now. */
  @Get(':account/history')
  @CsvList<PointsHistoryRow>('points-history', ['at', 'points', 'earned', 'rank'])
  history(@Param() { account }: AccountParams, @Query() query: PointsHistoryQuery): Promise<PointsHistoryAnswer> {
    return this.reads.history(account, query);
  }

  /** Explains a balance by the intervals in which the account staked and held tokens, and the rates that applied. */
  @Get(':account/explain')
  @Costly()
  explain(@Param() { account }: AccountParams, @Query() { at }: PointsExplainQuery): Promise<ExplainAnswer> {
    return this.explained.explain(account, at);
  }
}
