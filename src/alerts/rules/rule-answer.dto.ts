import { ApiProperty } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsIn, IsOptional } from 'class-validator';
import { PageInfo, PageQuery } from '../../platform/http/paging/page.dto.js';
import { FINALITIES, IsName, type Finality } from '../../events/index.js';
import { PRIORITIES, type Priority, type RuleQuietHours } from '../../notifications/index.js';
import { MODES, PHASES, THROTTLE_SCOPES, type Mode, type Phase, type ThrottleScope } from '../core/index.js';
import { ActionView } from './action.dto.js';
import { ConditionBody, CONDITIONS_EXAMPLE, METRICS, type ConditionMetric } from './condition.dto.js';
import { IsPlainText } from '../../platform/http/fields.js';
import { RULE_QUIET_HOURS } from './rule.dto.js';

const YES_NO: Readonly<Record<string, boolean>> = { true: true, false: false };

export class ListRulesQuery extends PageQuery {
  /** `true`: only active rules; `false`: only inactive rules. */
  @ApiProperty({ type: Boolean, required: false })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? (YES_NO[value] ?? value) : value))
  @IsBoolean()
  isActive?: boolean;

  @ApiProperty({ enum: PRIORITIES, required: false })
  @IsOptional()
  @IsIn(PRIORITIES)
  priority?: Priority;

  /**
   * Only rules in this state: `firing` for at least one subject, `pending` (holds, but not yet for `forSeconds`), or
   * `ok`.
   */
  @ApiProperty({ enum: PHASES, required: false })
  @IsOptional()
  @IsIn(PHASES)
  state?: Phase;

  /** Only rules with a condition on this metric. */
  @ApiProperty({ enum: METRICS, required: false })
  @IsOptional()
  @IsIn(METRICS)
  metric?: ConditionMetric;

  /** Only rules with a condition on this protocol. */
  @IsOptional()
  @IsName('protocol')
  protocol?: string;

  /** Only rules with a condition on this token. */
  @IsOptional()
  @IsName('token')
  token?: string;

  /** Only rules whose name contains this text, ignoring case. */
  @IsOptional()
  @IsPlainText(255)
  q?: string;
}

/** Warning about a rule for its owner. */
export class FindingView {
  /** JSON pointer into the rule. */
  pointer!: string;
  /** Stable code in snake_case. */
  code!: string;
  detail!: string;
}

/** Subject for which a rule is firing. */
class FiringView {
  /** @example token=bitcoin */
  subject!: string;

  @ApiProperty({ format: 'date-time' })
  since!: string;

  /** Value of the subject's newest alert since `since`; null before it, as for a rule with mode `once` that has fired. */
  @ApiProperty({ type: Number, nullable: true })
  value!: number | null;
}

/** State of a rule, at most about a second old. */
export class RuleStateView {
  @ApiProperty({ enum: PHASES })
  phase!: Phase;

  /** Subjects for which the rule is firing, longest first; at most 100. */
  @ApiProperty({ type: FiringView, isArray: true })
  firing!: FiringView[];

  /** Number of subjects for which the rule is firing. */
  @ApiProperty({ type: 'integer' })
  firingCount!: number;

  /** Whether a rule with mode `once` has fired and will not fire again; POST …/rearm allows one more firing. */
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

  @ApiProperty({ enum: FINALITIES })
  finality!: Finality;

  @ApiProperty({ enum: PRIORITIES })
  priority!: Priority;

  /** Quiet hours of the rule; null: the user's quiet hours apply. */
  @ApiProperty(RULE_QUIET_HOURS)
  quietHours!: RuleQuietHours;
  isActive!: boolean;

  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  snoozedUntil!: string | null;

  @ApiProperty({ format: 'date-time' })
  createdAt!: string;

  @ApiProperty({ format: 'date-time' })
  updatedAt!: string;

  /** Time of the rule's last notification. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  lastTriggered!: string | null;

  /** Version; increases by one with every change. */
  @ApiProperty({ type: 'integer' })
  version!: number;

  state!: RuleStateView;

  /** Warnings about conditions that are valid but may not do what their owner expects; only in answers to changes. */
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

  /** Author of the change: `key:<id>`. */
  changedBy!: string;

  /** Rule as of this version; for a deletion, the last version. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  rule!: object;
}

export class RuleVersionPage {
  data!: RuleVersionView[];
  page!: PageInfo;
}

/** Deliveries of a test. */
export class TestAnswer {
  /**
   * Ids of the deliveries, in the order of the rule's actions; GET /v1/notifications/deliveries/{id} returns the outcome
   * of one.
   */
  deliveries!: string[];
}
