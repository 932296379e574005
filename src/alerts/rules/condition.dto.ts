import { ApiProperty } from '@nestjs/swagger';
import { RULE_EVENT_TYPES, type RuleEventType } from '../../events/core/index.js';
import { OPERATORS, RULE_LIMITS, VALUE_METRICS, type Operator } from '../core/index.js';

/** Minutes without an observation. */
export class AbsentBody {
  @ApiProperty({ type: 'integer', minimum: 1, maximum: RULE_LIMITS.maxAbsenceMinutes, example: 30 })
  minutes!: number;
}

/** Metrics of conditions. */
export const METRICS = [...VALUE_METRICS, 'event'] as const;

export type ConditionMetric = (typeof METRICS)[number];

/** Comparison of a rule. Conditions of one rule without protocol, chain or token speak of the same one. */
export class ConditionBody {
  /**
   * Protocol slug; absent: every one.
   * @example uniswap-v3
   */
  @ApiProperty({ type: String, required: false })
  protocol?: string;

  /** Chain of a `tvl` condition; absent: the protocol's total, `*`: each chain. */
  @ApiProperty({ type: String, required: false })
  chain?: string;

  /** Token id of a price condition; absent: every one. */
  @ApiProperty({ type: String, required: false })
  token?: string;

  @ApiProperty({ enum: METRICS, example: 'tvl' })
  metric!: ConditionMetric;

  /** Comparison of a condition with a number; with `metric: event` together with `field`: gt, lt, gte, lte, eq, ne. */
  @ApiProperty({ enum: OPERATORS, required: false, example: 'change_pct' })
  operator?: Operator;

  /** Threshold in US dollars; a fraction for `change_pct` and the `change_*` metrics: 0.1 is 10 %. With `field` also a text. */
  @ApiProperty({ oneOf: [{ type: 'number' }, { type: 'string' }], required: false, example: 0.1 })
  threshold?: number | string;

  /** Length of the window of `change_pct`, seconds; absent: against the previous published value. */
  @ApiProperty({
    type: 'integer',
    required: false,
    minimum: RULE_LIMITS.minWindowSeconds,
    maximum: RULE_LIMITS.maxWindowSeconds,
    example: 3600,
  })
  timeWindow?: number;

  /** Direction of `change_pct`; absent: either way. */
  @ApiProperty({ enum: ['up', 'down'], required: false })
  direction?: 'up' | 'down';

  /** Tolerance of `eq` and `ne`, a fraction of the threshold; absent: the key's dead band. */
  @ApiProperty({ type: Number, required: false })
  tolerance?: number;

  /**
   * Absence, for `tvl` and `price`, in place of an operator and a threshold. Holds while nothing was observed of the subject for
   * so many minutes, by the time that its writers give (`observed_at`): a value that moved too little to be an event was observed
   * all the same. Time passes with the ticks of the log, every 10 s. A total is observed with any of its chains; a wildcard is
   * about every subject that was ever observed. A named subject that was never observed is absent so many minutes after the rule
   * was made. A removed subject does not count as absent. The alert's `value` is the minutes that passed.
   */
  @ApiProperty({ type: AbsentBody, required: false })
  absent?: AbsentBody;

  /**
   * Categories, one of which the protocol must have, capitals aside; for conditions without a protocol. A change of category
   * counts at once.
   */
  @ApiProperty({
    type: String,
    isArray: true,
    required: false,
    maxItems: RULE_LIMITS.filterNames,
    example: ['Lending'],
  })
  categories?: string[];

  /**
   * Tags, one of which the row must have, as last published; of a total, the row of any chain; for conditions without a protocol
   * or token.
   */
  @ApiProperty({ type: String, isArray: true, required: false, maxItems: RULE_LIMITS.filterNames })
  tags?: string[];

  /**
   * Minimum total TVL of the protocol, US dollars, just before or after its last change; for conditions without a protocol: after
   * a fall from 2 million to 0.1 million a protocol still meets 1,000,000. Checked when the condition begins to hold; a holding
   * one continues below it. Not for prices: a token has no TVL.
   */
  @ApiProperty({ type: Number, required: false, minimum: 0, example: 1_000_000 })
  minTvl?: number;

  /** Member of the event's `data` that is compared, for `metric: event`; `a.b` is a member of a member. */
  @ApiProperty({ type: String, required: false, example: 'amountUsd' })
  field?: string;

  /** Type of the event, for `metric: event`. */
  @ApiProperty({ enum: RULE_EVENT_TYPES, required: false })
  eventType?: RuleEventType;
}

/** Conditions of the rule in the documentation. */
export const CONDITIONS_EXAMPLE = [
  { protocol: 'uniswap-v3', metric: 'tvl', operator: 'change_pct', threshold: 0.1, timeWindow: 3600 },
];
