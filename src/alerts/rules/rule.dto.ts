import { ApiExtraModels, ApiProperty, ApiPropertyOptional, getSchemaPath, PartialType } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import {
  ArrayMaxSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsOptional,
  IsString,
  Max,
  Min,
  ValidateIf,
  ValidateNested,
} from 'class-validator';
import { FINALITIES, type Finality } from '../../events/index.js';
import { NEVER_QUIET, PRIORITIES, type Priority } from '../../notifications/index.js';
import { MODES, RULE_LIMITS, THROTTLE_SCOPES, type Mode, type ThrottleScope } from '../core/index.js';
import { QuietHoursBody } from '../preferences/quiet-hours.dto.js';
import { ActionBody } from './action.dto.js';
import { ConditionBody, CONDITIONS_EXAMPLE } from './condition.dto.js';
import { IfGiven, IsLines, IsNotBlank, IsPlainText, IsTime } from '../../platform/http/fields.js';

/** Maximum number of actions of one rule. */
const MAX_ACTIONS = 5;

/** Schema of the quiet hours of a rule: an object or a word. */
export const RULE_QUIET_HOURS = {
  oneOf: [{ $ref: getSchemaPath(QuietHoursBody) }, { type: 'string', enum: [NEVER_QUIET] }],
  nullable: true,
};
/** Whether the value must be validated as an object; null and the word need no validation. */
const isQuietHours = (_: object, value: unknown): boolean =>
  value !== undefined && value !== null && value !== NEVER_QUIET;

/** Rule as its owner writes it. */
@ApiExtraModels(QuietHoursBody)
export class RuleBody {
  /**
   * Name for people; 1 to 255 characters, not only blanks.
   * @example Uniswap TVL Alert
   */
  @IsPlainText(255)
  @IsNotBlank()
  name!: string;

  /** Description, up to 2,000 characters. */
  @ApiProperty({ type: String, nullable: true, required: false })
  @IsOptional()
  @IsLines(2_000)
  description?: string | null;

  /** Conditions that must all hold. At least one condition is required here or in `where`; at most 16 in total. */
  @ApiProperty({ type: ConditionBody, isArray: true, required: false, example: CONDITIONS_EXAMPLE })
  @IfGiven()
  @IsArray()
  conditions?: unknown[];

  /** Tree of `{and: […]}`, `{or: […]}`, `{not: …}` and conditions, up to 4 levels deep, which must hold in addition. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true, nullable: true })
  @IsOptional()
  where?: unknown;

  /**
   * Targets to notify, at most 5. Without targets the alert is only sent to the owner's sockets and recorded in the
   * history.
   */
  @ApiProperty({
    type: ActionBody,
    isArray: true,
    required: false,
    example: [{ type: 'email', target: 'user@example.com', template: 'tvl_change' }],
  })
  @IfGiven()
  @IsArray()
  @ArrayMaxSize(MAX_ACTIONS)
  @ValidateNested({ each: true })
  @Type(() => ActionBody)
  actions?: ActionBody[];

  /** Minimum time between messages, minutes; 0: every firing is sent. */
  @ApiProperty({
    type: 'integer',
    required: false,
    default: 5,
    minimum: 0,
    maximum: RULE_LIMITS.maxThrottleMinutes,
  })
  @IfGiven()
  @IsInt()
  @Min(0)
  @Max(RULE_LIMITS.maxThrottleMinutes)
  throttleMinutes?: number;

  /** Alias of `throttleMinutes`. */
  @ApiProperty({ type: 'integer', required: false, minimum: 0, maximum: RULE_LIMITS.maxThrottleMinutes })
  @IfGiven()
  @IsInt()
  @Min(0)
  @Max(RULE_LIMITS.maxThrottleMinutes)
  throttle_minutes?: number;

  /** Scope of the throttle: each subject of a wildcard rule separately (default for new rules), or the rule as a whole. */
  @ApiProperty({ enum: THROTTLE_SCOPES, required: false, default: 'subject' })
  @IfGiven()
  @IsIn(THROTTLE_SCOPES)
  throttleScope?: ThrottleScope;

  /**
   * Mode. `while_true`: fires while the rule holds, again after each throttle; `crossing`: when it begins to hold;
   * `once`: only once.
   */
  @ApiProperty({ enum: MODES, required: false, default: 'while_true' })
  @IfGiven()
  @IsIn(MODES)
  mode?: Mode;

  /** Fraction of the threshold by which the value must move back before the rule can begin to hold again. */
  @ApiProperty({ type: Number, required: false, default: 0, minimum: 0, maximum: 1 })
  @IfGiven()
  @IsNumber({ allowNaN: false, allowInfinity: false })
  @Min(0)
  @Max(1)
  hysteresis?: number;

  /** Seconds for which the rule must hold without interruption before it fires. */
  @ApiProperty({ type: 'integer', required: false, default: 0, minimum: 0, maximum: RULE_LIMITS.maxForSeconds })
  @IfGiven()
  @IsInt()
  @Min(0)
  @Max(RULE_LIMITS.maxForSeconds)
  forSeconds?: number;

  /** Whether a notification is also sent when the rule no longer holds. */
  @ApiProperty({ type: Boolean, required: false, default: false })
  @IfGiven()
  @IsBoolean()
  notifyResolved?: boolean;

  /** On-chain events that count: as soon as they are seen (`instant`), or once their block is final (`final`). */
  @ApiProperty({ enum: FINALITIES, required: false, default: 'instant' })
  @IfGiven()
  @IsIn(FINALITIES)
  finality?: Finality;

  /** Priority. `critical` messages may be sent in quiet hours; `low` and `normal` mails may wait for the digest. */
  @ApiProperty({ enum: PRIORITIES, required: false, default: 'normal' })
  @IfGiven()
  @IsIn(PRIORITIES)
  priority?: Priority;

  /**
   * Quiet hours for messages of this rule, in place of the user's quiet hours; `never`: none; null: the user's quiet
   * hours.
   */
  @ApiProperty({ ...RULE_QUIET_HOURS, required: false })
  @ValidateIf(isQuietHours)
  @IsObject({ message: `quietHours must be an object, ${NEVER_QUIET} or null` })
  @ValidateNested()
  @Type(() => QuietHoursBody)
  quietHours?: QuietHoursBody | typeof NEVER_QUIET | null;

  /** Whether the rule is evaluated. */
  @ApiProperty({ type: Boolean, required: false, default: true })
  @IfGiven()
  @IsBoolean()
  isActive?: boolean;

  /** End of the snooze: no notifications before this time, ISO 8601 with time zone. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true, required: false })
  @IsOptional()
  @IsTime()
  snoozedUntil?: string | null;
}

export class ReplaceRuleBody extends RuleBody {
  /** Version that the request changes; if the rule has a newer version, the request is refused (409). */
  @ApiProperty({ type: 'integer', required: false, minimum: 1 })
  @IfGiven()
  @IsInt()
  @Min(1)
  version?: number;

  /** Read only: another rule's id is refused. */
  @ApiProperty({ type: String, format: 'uuid', required: false, readOnly: true })
  @IfGiven()
  @IsString()
  ruleId?: string;

  /** Read only: another user's id is refused. */
  @ApiProperty({ type: String, required: false, readOnly: true })
  @IfGiven()
  @IsString()
  userId?: string;

  /** Read only: a different time is refused. */
  @ApiProperty({ type: String, format: 'date-time', required: false, readOnly: true })
  @IfGiven()
  @IsTime()
  createdAt?: string;

  /** Read only: ignored in requests. */
  @ApiProperty({ type: String, format: 'date-time', required: false, readOnly: true })
  @IfGiven()
  @IsTime()
  updatedAt?: string;

  /** Read only: ignored in requests. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true, required: false, readOnly: true })
  @IsOptional()
  @IsTime()
  lastTriggered?: string | null;

  /** Read only: ignored in requests. */
  @ApiPropertyOptional({ type: 'object', additionalProperties: true, readOnly: true })
  @IfGiven()
  @IsObject()
  state?: object;

  /** Read only: ignored in requests. */
  @ApiPropertyOptional({ type: 'array', items: { type: 'object' }, readOnly: true })
  @IfGiven()
  @IsArray()
  warnings?: unknown[];
}

export class ChangeRuleBody extends PartialType(ReplaceRuleBody, { skipNullProperties: false }) {}

export class SnoozeBody {
  /** End of the snooze; null ends the snooze immediately. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true, required: false })
  @IsOptional()
  @IsTime()
  until?: string | null;

  /** Length of the snooze from now. */
  @ApiProperty({ type: 'integer', required: false, minimum: 1, maximum: 525_600, example: 60 })
  @IfGiven()
  @IsInt()
  @Min(1)
  @Max(525_600)
  minutes?: number;
}
