import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Put, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { AlertRules } from './alert-rules.js';
import {
  ListRulesQuery,
  RulePage,
  RuleVersionPage,
  type RuleVersionView,
  RuleView,
  TestAnswer,
} from './rule-answer.dto.js';
import { ChangeRuleBody, ReplaceRuleBody, RuleBody, SnoozeBody } from './rule.dto.js';
import { RuleReads } from './rule-reads.js';
import { RuleTests } from './rule-tests.js';
import { PageQuery } from '../../platform/http/paging/page.dto.js';
import { IdempotencyKey } from '../../platform/http/idempotency-key.decorator.js';

@ApiTags('alerts')
@ApiBearerAuth()
@Roles('reader')
@Controller('v1/alerts/rules')
export class RulesController {
  constructor(
    private readonly rules: AlertRules,
    private readonly reads: RuleReads,
    private readonly tests: RuleTests,
  ) {}

  /**
   * Creates a rule of the key's user.
   * @remarks `warnings` are about conditions that are valid but may not do what is intended: a condition with a threshold
   * finer than the dead band of its key sees only published values, and a condition on a name without a value waits for
   * one.
   */
  @Post()
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description:
      'A request repeated with this key and the same body within 24 hours gets the rule of the first request.',
  })
  async create(
    @Body() body: RuleBody,
    @CurrentCaller() caller: Caller,
    @IdempotencyKey() idempotencyKey?: string,
  ): Promise<RuleView> {
    return this.reads.saved(await this.rules.create(caller, body, idempotencyKey));
  }

  /** Lists the user's rules, newest first. */
  @Get()
  @CsvList<RuleView>('rules', [
    'ruleId',
    'userId',
    'name',
    'description',
    'conditions',
    'where',
    'actions',
    'throttleMinutes',
    'throttleScope',
    'mode',
    'hysteresis',
    'forSeconds',
    'notifyResolved',
    'finality',
    'priority',
    'quietHours',
    'isActive',
    'snoozedUntil',
    'createdAt',
    'updatedAt',
    'lastTriggered',
    'version',
  ])
  list(@Query() query: ListRulesQuery, @CurrentCaller() { userId }: Caller): Promise<RulePage> {
    return this.reads.list(userId, query);
  }

  /** Returns one rule. */
  @Get(':ruleId')
  get(@Param('ruleId') ruleId: string, @CurrentCaller() { userId }: Caller): Promise<RuleView> {
    return this.reads.get(userId, ruleId);
  }

  /**
   * Changes the given fields. If the rule still watches the same conditions, it continues; otherwise it starts with a new
   * state.
   */
  @Patch(':ruleId')
  async change(
    @Param('ruleId') ruleId: string,
    @Body() body: ChangeRuleBody,
    @CurrentCaller() caller: Caller,
  ): Promise<RuleView> {
    return this.reads.saved(await this.rules.change(caller, ruleId, body));
  }

  /** Replaces the rule; omitted fields get their defaults. */
  @Put(':ruleId')
  async replace(
    @Param('ruleId') ruleId: string,
    @Body() body: ReplaceRuleBody,
    @CurrentCaller() caller: Caller,
  ): Promise<RuleView> {
    return this.reads.saved(await this.rules.replace(caller, ruleId, body));
  }

  /** Deletes the rule; its history is retained. */
  @Delete(':ruleId')
  @HttpCode(204)
  remove(@Param('ruleId') ruleId: string, @CurrentCaller() caller: Caller): Promise<void> {
    return this.rules.remove(caller, ruleId);
  }

  /** Activates the rule: it is evaluated from now on. */
  @Post(':ruleId/enable')
  @HttpCode(200)
  async enable(@Param('ruleId') ruleId: string, @CurrentCaller() caller: Caller): Promise<RuleView> {
    return this.reads.saved(await this.rules.change(caller, ruleId, { isActive: true }));
  }

  /** Deactivates the rule: it is no longer evaluated. */
  @Post(':ruleId/disable')
  @HttpCode(200)
  async disable(@Param('ruleId') ruleId: string, @CurrentCaller() caller: Caller): Promise<RuleView> {
    return this.reads.saved(await this.rules.change(caller, ruleId, { isActive: false }));
  }

  /** Suppresses notifications of the rule until a time; `until: null` ends this. */
  @Post(':ruleId/snooze')
  @HttpCode(200)
  async snooze(
    @Param('ruleId') ruleId: string,
    @Body() body: SnoozeBody,
    @CurrentCaller() caller: Caller,
  ): Promise<RuleView> {
    return this.reads.saved(await this.rules.snooze(caller, ruleId, body));
  }

  /** Allows a rule with mode `once` that has fired to fire once more; if it holds, it fires at the next tick. */
  @Post(':ruleId/rearm')
  @HttpCode(200)
  async rearm(@Param('ruleId') ruleId: string, @CurrentCaller() caller: Caller): Promise<RuleView> {
    return this.reads.saved(await this.rules.rearm(caller, ruleId));
  }

  /** Sends a test message to each of the rule's targets, regardless of the values. */
  @Post(':ruleId/test')
  @HttpCode(200)
  test(@Param('ruleId') ruleId: string, @CurrentCaller() { userId }: Caller): Promise<TestAnswer> {
    return this.tests.send(userId, ruleId);
  }

  /** Lists all versions of the rule, newest first, each with author, time and content; also for a deleted rule. */
  @Get(':ruleId/versions')
  @CsvList<RuleVersionView>('rule-versions', ['version', 'change', 'changedAt', 'changedBy', 'rule'])
  versions(
    @Param('ruleId') ruleId: string,
    @Query() query: PageQuery,
    @CurrentCaller() { userId }: Caller,
  ): Promise<RuleVersionPage> {
    return this.reads.versions(userId, ruleId, query);
  }
}
