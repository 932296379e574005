import { ApiProperty } from '@nestjs/swagger';
import { RULE_EVENT_TYPES, type RuleEventType } from '../../events/core/index.js';
import { OPERATORS, RULE_LIMITS, VALUE_METRICS, type Operator } from '../core/index.js';

/** Condition on minutes without an observation. */
class AbsentBody {
  @ApiProperty({ type: 'integer', minimum: 1, maximum: RULE_LIMITS.maxAbsenceMinutes, example: 30 })
  minutes!: number;
}

/** Metrics of conditions. */
export const METRICS = [...VALUE_METRICS, 'event'] as const;

export type ConditionMetric = (typeof METRICS)[number];

/** Condition of a rule. All conditions of a rule that name no protocol, chain, token or account are about the same one. */
export class ConditionBody {
  /**
   * Protocol slug; absent: every protocol.
   * @example uniswap-v3
   */
  @ApiProperty({ type: String, required: false })
  protocol?: string;

  /** Chain of a `tvl` condition; absent: the protocol's total, `*`: each chain. */
  @ApiProperty({ type: String, required: false })
  chain?: string;

  /** Token id of a price condition; absent: every token. */
  @ApiProperty({ type: String, required: false })
  token?: string;

  /**
   * Address of a condition on `points` or `staked_tokens`; absent or `*`: each account.
   * @example 0x00000000000000000000000000000000000000aa
   */
  @ApiProperty({ type: String, required: false })
  account?: string;

  @ApiProperty({ enum: METRICS, example: 'tvl' })
  metric!: ConditionMetric;

  /**
   * Operator of a condition on a number. With `metric: event` it is given together with `field`, and is gt, lt, gte, lte,
   * eq or ne.
   */
  @ApiProperty({ enum: OPERATORS, required: false, example: 'change_pct' })
  operator?: Operator;

  /**
   * Threshold in US dollars; for `change_pct` and `change_*` metrics a fraction: 0.1 is 10 %. With `field` it may be a
   * text.
   */
  @ApiProperty({ oneOf: [{ type: 'number' }, { type: 'string' }], required: false, example: 0.1 })
  threshold?: number | string;

  /** Length of the window of `change_pct`, seconds; absent: the change from the previous published value. */
  @ApiProperty({
    type: 'integer',
    required: false,
    minimum: RULE_LIMITS.minWindowSeconds,
    maximum: RULE_LIMITS.maxWindowSeconds,
    example: 3600,
  })
  timeWindow?: number;

  /** Direction of `change_pct`; absent: both directions. */
  @ApiProperty({ enum: ['up', 'down'], required: false })
  direction?: 'up' | 'down';

  /** Tolerance of `eq` and `ne`, as a fraction of the threshold; absent: the dead band of the key. */
  @ApiProperty({ type: Number, required: false })
  tolerance?: number;

  /**
   * Absence, for `tvl` and `price`, in place of an operator and a threshold. Holds while the subject has not been
   * observed for this many minutes. The time of an observation is given by its writer (`observed_at`); a value that moved
   * too little to be an event counts as an observation. Time passes with the ticks of the log, every 10 s. An observation
   * of any chain is an observation of the total. A wildcard covers every subject that was ever observed. A named subject
   * that was never observed counts as absent this many minutes after the creation of the rule. A removed subject does not
   * count as absent. The alert's `value` is the number of minutes that passed.
   */
  @ApiProperty({ type: AbsentBody, required: false })
  absent?: AbsentBody;

  /**
   * Categories of which the protocol must have one, ignoring case; for conditions without a protocol. A change of
   * category takes effect immediately.
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
   * Tags of which the row must have one, as last published; for a total, the row of any of its chains. For conditions
   * without a protocol or token.
   */
  @ApiProperty({ type: String, isArray: true, required: false, maxItems: RULE_LIMITS.filterNames })
  tags?: string[];

  /**
   * Minimum total TVL of the protocol, US dollars; for conditions without a protocol. The total before or after its last
   * change must reach it: after a fall from 2 million to 0.1 million a protocol still meets 1,000,000. Checked only when
   * the condition begins to hold; a condition that holds continues below the minimum. Not for prices, because a token has
   * no TVL.
   */
  @ApiProperty({ type: Number, required: false, minimum: 0, example: 1_000_000 })
  minTvl?: number;

  /** Member of the event's `data` to compare, for `metric: event`; `a.b` is the member `b` of the member `a`. */
  @ApiProperty({ type: String, required: false, example: 'amountUsd' })
  field?: string;

  /** Event type, for `metric: event`. */
  @ApiProperty({ enum: RULE_EVENT_TYPES, required: false })
  eventType?: RuleEventType;
}

/** Example of conditions in the API documents. */
export const CONDITIONS_EXAMPLE = [
  { protocol: 'uniswap-v3', metric: 'tvl', operator: 'change_pct', threshold: 0.1, timeWindow: 3600 },
];
