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
  /** Active rules only, or the others. */
  @ApiProperty({ type: Boolean, required: false })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? (YES_NO[value] ?? value) : value))
  @IsBoolean()
  isActive?: boolean;

  @ApiProperty({ enum: PRIORITIES, required: false })
  @IsOptional()
  @IsIn(PRIORITIES)
  priority?: Priority;

  /** Rules that stand like this: `firing` for some subject, `pending` (forSeconds), or neither. */
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

/** Something about a rule that its owner should know. */
export class FindingView {
  /** JSON pointer into the rule. */
  pointer!: string;
  /** Stable, snake_case. */
  code!: string;
  detail!: string;
}

/** A subject that a rule fires for. */
export class FiringView {
  /** @example token=bitcoin */
  subject!: string;

  @ApiProperty({ format: 'date-time' })
  since!: string;

  /** Of its newest alert; null before the first. */
  @ApiProperty({ type: Number, nullable: true })
  value!: number | null;
}

/** How a rule stands, within a second. */
export class RuleStateView {
  @ApiProperty({ enum: PHASES })
  phase!: Phase;

  /** The subjects that it fires for, longest first; at most 100. */
  @ApiProperty({ type: FiringView, isArray: true })
  firing!: FiringView[];

  /** How many there are. */
  @ApiProperty({ type: 'integer' })
  firingCount!: number;

  /** Of a rule with mode `once`: whether it has fired and is done; POST …/rearm has it wait once more. */
  @ApiProperty({ type: Boolean, required: false })
  spent?: boolean;
}

/** A rule. */
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

  /** null: its user's. */
  @ApiProperty(RULE_QUIET_HOURS)
  quietHours!: RuleQuietHours;
  isActive!: boolean;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  snoozedUntil!: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ format: 'date-time' })
  updatedAt!: string;

  /** When it last told something. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  lastTriggered!: string | null;

  /** Grows by one with every change. */
  @ApiProperty({ type: 'integer' })
  version!: number;

  state!: RuleStateView;

  /** Works, but perhaps not as its owner thinks; after a change only. */
  @ApiProperty({ type: FindingView, isArray: true, required: false })
  warnings?: FindingView[];
}

export class RulePage {
  data!: RuleView[];
  page!: PageInfo;
}

const CHANGES = ['created', 'changed', 'deleted'] as const;

/** One version of a rule. */
export class RuleVersionView {
  version!: number;

  @ApiProperty({ enum: CHANGES })
  change!: (typeof CHANGES)[number];

  @ApiProperty({ format: 'date-time' })
  changedAt!: string;

  /** `key:<id>` of who changed it. */
  changedBy!: string;

  /** The rule as it was from then on; of a deleted one the last. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  rule!: object;
}

export class RuleVersionPage {
  data!: RuleVersionView[];
  page!: PageInfo;
}

/** What a test sent. */
export class TestAnswer {
  /** Ids of the deliveries, in the order of the rule's actions: GET /v1/notifications/deliveries/{id} tells what became of them. */
  deliveries!: string[];
}
