import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsDefined, IsObject, IsOptional, ValidateNested } from 'class-validator';
import { TRANSITION_REASONS } from '../core/index.js';
import { FindingView } from '../rules/rule-answer.dto.js';
import { IfGiven, IsMoment } from '../rules/fields.js';
import { RuleBody } from '../rules/rule.dto.js';
import { OutcomeView } from '../history/alert-history.dto.js';

/** A rule and a period of stored history. */
export class BacktestBody {
  /** As for creating it; nothing is stored. */
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

/** One alert that the rule would have told. */
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

  /** What would have become of it. */
  outcome!: OutcomeView;

  /** The messages, one for each action. */
  messages!: BacktestMessage[];
}

export class BacktestMessage {
  @ApiProperty({ enum: ['email', 'webhook', 'push'] })
  channel!: string;

  /** When it would have left: later than the alert in quiet hours and digests. Null: never. */
  @ApiProperty({ type: String, format: 'date-time', nullable: true })
  sentAt!: string | null;

  /** Why never. */
  @ApiProperty({ type: String, required: false, example: 'channel_off' })
  suppressed?: string;
}

/** How often another threshold would have fired. */
export class CurvePoint {
  /** Of the rule's first condition with a number. */
  threshold!: number;
  firingsPerWeek!: number;
}

export class BacktestAnswer {
  @ApiProperty({ format: 'date-time' })
  from!: string;

  @ApiProperty({ format: 'date-time' })
  to!: string;

  /** Stored values that the rule was fed with. */
  points!: number;

  /** `raw`: every published value; `hourly`: one an hour, where there are too many or the raw ones are gone. */
  @ApiProperty({ enum: ['raw', 'hourly'] })
  resolution!: 'raw' | 'hourly';

  /** Alerts that would have been told: after throttle, hysteresis and mode. */
  fired!: number;

  /** Messages that would have left. */
  sent!: number;
  firingsPerWeek!: number;

  /** The first 200. */
  alerts!: BacktestAlert[];

  /** Firings per week against the threshold, lowest first; empty for rules without a number. */
  curve!: CurvePoint[];

  /** As on creating the rule, and what the backtest could not know. */
  warnings!: FindingView[];
}
