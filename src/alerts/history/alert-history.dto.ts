import { ApiProperty } from '@nestjs/swagger';
import { IsIn, IsOptional } from 'class-validator';
import { PageInfo, PageQuery } from '../../platform/http/paging/page.dto.js';
import { IsName } from '../../events/index.js';
import { TRANSITION_REASONS } from '../core/index.js';
import { SUPPRESSIONS, type Suppression } from '../messages/plan-messages.js';
import { IsId, IsMoment } from '../../platform/http/fields.js';

const STATES = ['fired', 'resolved', 'summary'] as const;
type AlertState = (typeof STATES)[number];

export class AlertHistoryQuery extends PageQuery {
  /** Only alerts of this rule. */
  @ApiProperty({ type: String, format: 'uuid', required: false })
  @IsOptional()
  @IsId()
  ruleId?: string;

  @ApiProperty({ enum: STATES, required: false })
  @IsOptional()
  @IsIn(STATES)
  state?: AlertState;

  /** Only alerts about this protocol. */
  @IsOptional()
  @IsName('protocol')
  protocol?: string;

  /** Only alerts about this token. */
  @IsOptional()
  @IsName('token')
  token?: string;

  /** Start of the period: ISO 8601 with a zone, a day, Unix milliseconds, or relative (`now-24h`; m, h, d, w). */
  @IsOptional()
  @IsMoment()
  from?: string;

  /** End of the period, exclusive, in the same forms as its start. */
  @IsOptional()
  @IsMoment()
  to?: string;
}

/** Outcome of an alert. */
export class OutcomeView {
  /** Number of deliveries recorded for the alert. */
  messages!: number;

  /** Id of the alert with which this alert was sent in one message, because many rules fired at once. */
  @ApiProperty({ type: String, required: false })
  groupedIn?: string;

  /** Reason why nothing was sent. */
  @ApiProperty({ enum: SUPPRESSIONS, required: false })
  suppressed?: Suppression;
}

/** Alert as it was sent, with its reason. */
export class AlertView {
  @ApiProperty({ format: 'uuid' })
  alertId!: string;

  @ApiProperty({ format: 'uuid' })
  ruleId!: string;

  /** Version of the rule that was evaluated; GET /v1/alerts/rules/{ruleId}/versions returns its content. */
  ruleVersion!: number;
  name!: string;

  @ApiProperty({ enum: STATES })
  state!: AlertState;

  /** Reason of the transition. */
  @ApiProperty({ enum: TRANSITION_REASONS })
  reason!: string;

  /** @example Uniswap TVL Alert: TVL of uniswap-v3 fell 12.4 % within 1 h to $3.05 B */
  message!: string;
  priority!: string;

  @ApiProperty({ type: String, nullable: true })
  protocol!: string | null;

  @ApiProperty({ type: String, nullable: true })
  chain!: string | null;

  @ApiProperty({ type: String, nullable: true })
  token!: string | null;

  /** Address, if the alert is about the points or staked tokens of an account. */
  account?: string;
  metric!: string;

  @ApiProperty({ type: Number, nullable: true })
  value!: number | null;

  @ApiProperty({ type: Number, nullable: true })
  threshold!: number | null;

  /** Each condition with its value, its previous value, and the reference of its change. */
  @ApiProperty({ type: 'object', additionalProperties: true })
  explanation!: object;

  outcome!: OutcomeView;

  /**
   * Number of alerts within one minute that this row represents; above 1 only after 1,000 rows of a rule in an hour, or
   * if the user's budget is used up.
   */
  @ApiProperty({ type: 'integer' })
  count!: number;

  /**
   * First value, last value, and names of the subjects (at most 100) of the represented alerts; only if `count` is above
   * 1.
   */
  @ApiProperty({ type: Number, nullable: true, required: false })
  firstValue?: number | null;

  @ApiProperty({ type: Number, nullable: true, required: false })
  lastValue?: number | null;

  @ApiProperty({ type: String, isArray: true, required: false })
  subjects?: string[];

  /** Time of the event that caused the alert. */
  @ApiProperty({ format: 'date-time' })
  at!: string;

  /** Time of the reorganisation that undid the alert's on-chain event; absent: the alert was not retracted. */
  @ApiProperty({ type: String, format: 'date-time', required: false })
  retractedAt?: string;

  /** Time of the evaluation. */
  @ApiProperty({ format: 'date-time' })
  evaluatedAt!: string;
}

export class AlertPage {
  data!: AlertView[];
  page!: PageInfo;
}
