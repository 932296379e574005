import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsObject, IsOptional, ValidateNested } from 'class-validator';
import { CHANNEL_NAMES } from '../../notifications/index.js';
import { TRANSITION_REASONS } from '../core/index.js';
import { FindingView } from '../rules/rule-answer.dto.js';
import { IfGiven, IsMoment } from '../../platform/http/fields.js';
import { RuleBody } from '../rules/rule.dto.js';
import { OutcomeView } from '../history/alert-history.dto.js';

/** Rule and a period of stored history. */
export class BacktestBody {
  /** Rule as in the request that creates it; nothing is stored. */
  @ApiProperty({ type: RuleBody })
  @IsDefined()
  @IsObject()
  @ValidateNested()
  @Type(() => RuleBody)
  rule!: RuleBody;

  /**
   * Start of the period: ISO 8601, a date, or now-<number><m|h|d|w>; at most 90 days before the end of the period.
   * Default: 30 days before that end.
   * @example now-7d
   */
  @IfGiven()
  @IsMoment()
  from?: string;

  /** End of the period, in the same forms as its start. Default: now. */
  @IsOptional()
  @IsMoment()
  to?: string;
}

/** Alert that the rule would have sent. */
export class BacktestAlert {
  @ApiProperty({ format: 'date-time' })
  at!: string;

  @ApiProperty({ enum: ['fired', 'resolved', 'summary'] })
  state!: string;

  @ApiProperty({ enum: TRANSITION_REASONS })
  reason!: string;
  message!: string;

  @ApiProperty({ type: Number, nullable: true })
  value!: number | null;

  @ApiProperty({ type: 'object', additionalProperties: true })
  explanation!: object;

  /** Outcome that the alert would have had. */
  outcome!: OutcomeView;

  /** Messages, one for each action. */
  messages!: BacktestMessage[];
}

class BacktestMessage {
  @ApiProperty({ enum: CHANNEL_NAMES })
  channel!: string;

  /** Time of sending: quiet hours and digests send later than the alert. Null: the message is never sent. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  sentAt!: string | null;

  /** Reason why the message is never sent. */
  @ApiProperty({ type: String, required: false, example: 'channel_off' })
  suppressed?: string;
}

/** Number of firings that the rule would have at one threshold. */
export class CurvePoint {
  /** Threshold in place of that of the rule's first condition on a number. */
  threshold!: number;
  firingsPerWeek!: number;
}

export class BacktestAnswer {
  @ApiProperty({ format: 'date-time' })
  from!: string;

  @ApiProperty({ format: 'date-time' })
  to!: string;

  /** Number of stored values over which the rule was evaluated. */
  points!: number;

  /**
   * Resolution of the values. `raw`: every published value; `hourly`: one per hour, if there are too many raw values or
   * they have been deleted.
   */
  @ApiProperty({ enum: ['raw', 'hourly'] })
  resolution!: 'raw' | 'hourly';

  /** Number of alerts that would have been sent, with throttle, hysteresis and mode applied. */
  fired!: number;

  /** Number of messages that would have been sent. */
  sent!: number;
  firingsPerWeek!: number;

  /** First 200 alerts. */
  alerts!: BacktestAlert[];

  /** Firings per week by threshold, lowest threshold first; empty for rules without a condition on a number. */
  curve!: CurvePoint[];

  /** Warnings that creating the rule would give, and warnings about data that history does not contain. */
  warnings!: FindingView[];
}
