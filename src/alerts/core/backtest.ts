import type { EvaluatorOptions } from './evaluator.js';
import type { MarketRow } from './market-row.js';
import type { HistoryPoint } from './market-row.js';
import type { RuleDefinition } from './rule.js';
import type { Transition } from './transition.js';

export interface BacktestOptions extends EvaluatorOptions {
  /** Unix ms; transitions of [from, to] are told, earlier history only gives references. */
  readonly from: number;
  readonly to: number;
  /** Between the ticks that are added where the rows hold none; milliseconds, 10,000 unless told. */
  readonly tickEveryMs?: number;
}

/** What the rule would have told over a period: the live evaluator, fed from stored history. Rows and points by time. */
export function backtest(
  _rule: RuleDefinition,
  _history: Iterable<MarketRow | HistoryPoint>,
  _options: BacktestOptions,
): Transition[] {
  throw new Error('to come');
}
