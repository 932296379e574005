import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsObject, IsOptional, ValidateNested } from 'class-validator';
import { CHANNEL_NAMES } from '../../notifications/index.js';
import { TRANSITION_REASONS } from '../core/index.js';
import { FindingView } from '../rules/rule-answer.dto.js';
import { IfGiven, IsMoment } from '../rules/fields.js';
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
   * Start of the period: ISO 8601, a date, or now-<number><m|h|d|w>; at most 90 days before its end. Default: 30 days before.
   * @example now-7d
   */
  @IfGiven()
  @IsMoment()
  from?: string;

  /** End of the period, in the same forms. Default: now. */
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

  /** Outcome that it would have had. */
  outcome!: OutcomeView;

  /** Messages, one for each action. */
  messages!: BacktestMessage[];
}

export class BacktestMessage {
  @ApiProperty({ enum: CHANNEL_NAMES })
  channel!: string;

  /** Time of sending: later than the alert in quiet hours and digests. Null: never sent. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  sentAt!: string | null;

  /** Reason for which it is never sent. */
  @ApiProperty({ type: String, required: false, example: 'channel_off' })
  suppressed?: string;
}

/** Number of firings at another threshold. */
export class CurvePoint {
  /** Threshold of the rule's first condition with a number. */
  threshold!: number;
  firingsPerWeek!: number;
}

export class BacktestAnswer {
  @ApiProperty({ format: 'date-time' })
  from!: string;

  @ApiProperty({ format: 'date-time' })
  to!: string;

  /** Stored values that the rule was evaluated on. */
  points!: number;

  /**
   * Resolution of the values. `raw`: every published value; `hourly`: one an hour, if there are too many or the raw ones are no
   * longer kept.
   */
  @ApiProperty({ enum: ['raw', 'hourly'] })
  resolution!: 'raw' | 'hourly';

  /** Alerts that would have been sent: after throttle, hysteresis and mode. */
  fired!: number;

  /** Messages that would have been sent. */
  sent!: number;
  firingsPerWeek!: number;

  /** First 200 alerts. */
  alerts!: BacktestAlert[];

  /** Firings per week against the threshold, lowest first; empty for rules without a number. */
  curve!: CurvePoint[];

  /** Warnings as on creating the rule, and facts that the backtest could not take from history. */
  warnings!: FindingView[];
}
