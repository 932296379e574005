import { Evaluator, type EvaluatorOptions } from './evaluator.js';
import { observedTime, type HistoryPoint, type MarketRow } from './market-row.js';
import { markParts, rowsWithParts } from './market/whole-totals.js';
import type { RuleDefinition } from './rule/rule.js';
import type { Transition } from './transition.js';

interface BacktestOptions extends EvaluatorOptions {
  /**
   * Start of the period, Unix ms; the rule counts as created at this time. Earlier history only sets values and
   * references.
   */
  readonly from: number;
  readonly to: number;
  /** Interval between ticks, ms; default 10,000. 0: the history contains its own ticks. */
  readonly tickEveryMs?: number;
}

const TICK_INTERVAL_MS = 10_000;

/**
 * Returns the transitions of a rule over a period, computed by the live evaluator from stored history. `history` is rows
 * of the log in log order, or points sorted by time, from far enough before `from` for the windows of the rule. Snoozes
 * are ignored.
 */
export function backtest(
  rule: RuleDefinition,
  history: Iterable<MarketRow | HistoryPoint>,
  options: BacktestOptions,
): Transition[] {
  const { from, to, tickEveryMs = TICK_INTERVAL_MS } = options;
  const evaluator = new Evaluator(options);
  const transitions: Transition[] = [];
  const before: HistoryPoint[] = [];
  let clock = 0;
  let started = false;
  const start = (): void => {
    started = true;
    clock = tickEveryMs > 0 ? Math.floor(from / tickEveryMs) * tickEveryMs : clock;
    evaluator.seed(markParts(before), clock);
    evaluator.loadHistory(before);
    evaluator.addRule({ ...rule, snoozedUntil: null, createdAt: new Date(from) });
  };
  // A value observed at the time of a tick counts in that tick, because the value's row precedes the tick.
  const tickBefore = (time: number): void => {
    if (tickEveryMs === 0) return;
    for (let next = clock + tickEveryMs; next < time; next += tickEveryMs) {
      clock = next;
      transitions.push(...evaluator.tick(next));
    }
  };

  for (const [row, isPart] of rowsWithParts(rowsOf(history))) {
    if (row.loggedAt > to) break;
    if (row.loggedAt < from) {
      if (row.type === 'tick') clock = row.loggedAt;
      before.push(...pointOf(row));
      continue;
    }
    if (!started) start();
    tickBefore(row.loggedAt);
    transitions.push(...evaluator.apply(row, false, isPart));
  }
  if (!started) start();
  tickBefore(to + 1);
  return transitions;
}

function* rowsOf(history: Iterable<MarketRow | HistoryPoint>): Generator<MarketRow> {
  for (const entry of history) yield 'metric' in entry ? rowOf(entry) : entry;
}

function rowOf({
  metric,
  protocol,
  chain,
  token,
  value,
  volume24h,
  marketCap,
  at,
  category,
  tags,
}: HistoryPoint): MarketRow {
  return {
    ...(category === undefined ? {} : { category }),
    ...(tags === undefined ? {} : { tags }),
    type: metric === 'tvl' ? 'tvl_change' : 'price_change',
    protocol,
    chain,
    token,
    previous: null,
    current: value,
    volume24h: volume24h ?? null,
    marketCap: marketCap ?? null,
    observedAt: at,
    loggedAt: at,
  };
}

function pointOf(row: MarketRow): HistoryPoint[] {
  const metric = row.type.startsWith('tvl_') ? 'tvl' : row.type.startsWith('price_') ? 'price' : undefined;
  if (!metric || row.current === null) return [];
  const { protocol, chain, token, current: value, volume24h, marketCap, loggedAt, category, tags } = row;
  const known = { ...(category === undefined ? {} : { category }), ...(tags === undefined ? {} : { tags }) };
  return [{ metric, protocol, chain, token, value, volume24h, marketCap, at: observedTime(row), loggedAt, ...known }];
}
