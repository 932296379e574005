import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { PageInfo, PageQuery } from '../../access/index.js';
import { IsName } from '../../events/index.js';
import { PRIORITIES, type Priority, type RuleQuietHours } from '../../notifications/index.js';
import { MODES, PHASES, THROTTLE_SCOPES, type Mode, type Phase, type ThrottleScope } from '../core/index.js';
import { ActionView } from './action.dto.js';
import { ConditionBody, CONDITIONS_EXAMPLE, METRICS, type ConditionMetric } from './condition.dto.js';
import { IsPlainText } from './fields.js';
import { RULE_QUIET_HOURS } from './rule.dto.js';

const YES_NO: Readonly<Record<string, boolean>> = { true: true, false: false };

export class ListRulesQuery extends PageQuery {
  /** Whether to list active rules only, or the others. */
  @ApiProperty({ type: Boolean, required: false })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? (YES_NO[value] ?? value) : value))
  @IsBoolean()
  isActive?: boolean;

  @ApiProperty({ enum: PRIORITIES, required: false })
  @IsOptional()
  @IsIn(PRIORITIES)
  priority?: Priority;

  /** Rules in this state: `firing` for some subject, `pending` (forSeconds), or neither. */
  @ApiProperty({ enum: PHASES, required: false })
  @IsOptional()
  @IsIn(PHASES)
  state?: Phase;

  /** Rules with a condition on this metric. */
  @ApiProperty({ enum: METRICS, required: false })
  @IsOptional()
  @IsIn(METRICS)
  metric?: ConditionMetric;

  /** Rules with a condition on this protocol. */
  @IsOptional()
  @IsName('protocol')
  protocol?: string;

  /** Rules with a condition on this token. */
  @IsOptional()
  @IsName('token')
  token?: string;

  /** Rules whose name contains this, in any case. */
  @IsOptional()
  @IsPlainText(255)
  q?: string;
}

/** Warning about a rule for its owner. */
export class FindingView {
  /** JSON pointer into the rule. */
  pointer!: string;
  /** Code, stable, snake_case. */
  code!: string;
  detail!: string;
}

/** Subject that a rule fires for. */
export class FiringView {
  /** @example token=bitcoin */
  subject!: string;

  @ApiProperty({ format: 'date-time' })
  since!: string;

  /** Value of its newest alert; null before the first. */
  @ApiProperty({ type: Number, nullable: true })
  value!: number | null;
}

/** State of a rule, within a second. */
export class RuleStateView {
  @ApiProperty({ enum: PHASES })
  phase!: Phase;

  /** Subjects that it fires for, longest first; at most 100. */
  @ApiProperty({ type: FiringView, isArray: true })
  firing!: FiringView[];

  /** Number of subjects that it fires for. */
  @ApiProperty({ type: 'integer' })
  firingCount!: number;

  /** Whether a rule with mode `once` has fired and is done; POST …/rearm has it wait once more. */
  @ApiProperty({ type: Boolean, required: false })
  spent?: boolean;
}

/** Rule with the fields that the server sets. */
export class RuleView {
  @ApiProperty({ format: 'uuid' })
  ruleId!: string;
  userId!: string;
  name!: string;

  @ApiProperty({ type: String, nullable: true })
  description!: string | null;

  @ApiProperty({ type: ConditionBody, isArray: true, example: CONDITIONS_EXAMPLE })
  conditions!: readonly object[];

  @ApiProperty({ type: 'object', additionalProperties: true, nullable: true })
  where!: object | null;

  actions!: ActionView[];
  throttleMinutes!: number;

  @ApiProperty({ enum: THROTTLE_SCOPES })
  throttleScope!: ThrottleScope;

  @ApiProperty({ enum: MODES })
  mode!: Mode;
  hysteresis!: number;
  forSeconds!: number;
  notifyResolved!: boolean;

  @ApiProperty({ enum: PRIORITIES })
  priority!: Priority;

  /** Quiet hours of the rule; null: the user's apply. */
  @ApiProperty(RULE_QUIET_HOURS)
  quietHours!: RuleQuietHours;
  isActive!: boolean;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  snoozedUntil!: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ format: 'date-time' })
  updatedAt!: string;

  /** Time of its last notification. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  lastTriggered!: string | null;

  /** Version, one higher after every change. */
  @ApiProperty({ type: 'integer' })
  version!: number;

  state!: RuleStateView;

  /** Warnings about conditions that work, but perhaps not as their owner expects; after a change only. */
  @ApiProperty({ type: FindingView, isArray: true, required: false })
  warnings?: FindingView[];
}

export class RulePage {
  data!: RuleView[];
  page!: PageInfo;
}

const CHANGES = ['created', 'changed', 'deleted'] as const;

/** Version of a rule. */
export class RuleVersionView {
  version!: number;

  @ApiProperty({ enum: CHANGES })
  change!: (typeof CHANGES)[number];

  @ApiProperty({ format: 'date-time' })
  changedAt!: string;

  /** Author of the change: `key:<id>` of the key. */
  changedBy!: string;

  /** Rule from then on; of a deleted one the last version. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  rule!: object;
}

export class RuleVersionPage {
  data!: RuleVersionView[];
  page!: PageInfo;
}

/** Deliveries of a test. */
export class TestAnswer {
  /** Ids of the deliveries, in the order of the rule's actions: GET /v1/notifications/deliveries/{id} has their outcome. */
  deliveries!: string[];
}
