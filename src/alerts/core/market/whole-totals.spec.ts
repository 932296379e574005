import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { aLogEvent } from '../../../../test/support/data/log-event.js';
import { backtest } from '../backtest.js';
import { Evaluator } from '../evaluator.js';
import type { HistoryPoint, MarketRow } from '../market-row.js';
import type { RuleDefinition, ValueCondition } from '../rule/rule.js';
import type { Transition } from '../transition.js';
import { markParts, rowsWithParts } from './whole-totals.js';

const START = 1_760_000_000_000;

/** Value of a chain. `step`: number of the log's step, one a second; `late`: ms from the step to the observation. */
function tvl(chain: string, current: number, step: number, late = 0): MarketRow {
  const loggedAt = START + step * 1_000;
  return aLogEvent({ protocol: 'aave-v3', chain, current, observedAt: loggedAt + late }, loggedAt);
}

function ruleOn(condition: Pick<ValueCondition, 'operator' | 'threshold'>): RuleDefinition {
  return {
    ruleId: 'rule',
    version: 1,
    conditions: [{ protocol: 'aave-v3', metric: 'tvl', ...condition }],
    mode: 'while_true',
    throttleMinutes: 0,
    hysteresis: 0,
    forSeconds: 0,
    notifyResolved: true,
  };
}

const below = (threshold: number): RuleDefinition => ruleOn({ operator: 'lt', threshold });
const moved = (threshold: number): RuleDefinition => ruleOn({ operator: 'change_pct', threshold });

function evaluate(evaluator: Evaluator, rows: readonly MarketRow[]): string[] {
  const transitions: Transition[] = [];
  for (const [row, isPart] of rowsWithParts(rows)) transitions.push(...evaluator.apply(row, false, isPart));
  return transitions.map(({ to, readings }) => `${to} ${readings[0]?.current}`);
}

function evaluated(rule: RuleDefinition, rows: readonly MarketRow[]): string[] {
  const evaluator = new Evaluator();
  evaluator.addRule(rule);
  return evaluate(evaluator, rows);
}

const pointOf = ({ protocol, chain, current, observedAt: at, loggedAt }: MarketRow): HistoryPoint => ({
  metric: 'tvl',
  protocol,
  chain,
  token: null,
  value: current ?? NaN,
  at,
  loggedAt,
});

describe('the total of chains that were observed together', () => {
  const listed = [tvl('arbitrum', 100, 0), tvl('ethereum', 100, 0)];
  const shifted = [tvl('arbitrum', 150, 1), tvl('ethereum', 50, 1)];

  it('is never the sum of some of them', () => {
    expect(evaluated(below(180), [...listed, ...shifted])).toEqual([]);
    expect(evaluated(moved(0.2), [...listed, ...shifted])).toEqual([]);
    expect(evaluated(below(180), [...listed, tvl('ethereum', 70, 1)])).toEqual(['firing 170']);
  });

  it('changes once, by the whole move', () => {
    const grown = [tvl('arbitrum', 106, 1), tvl('ethereum', 106, 1)];
    expect(evaluated(moved(0.06), [...listed, ...grown])).toEqual(['firing 212']);
    expect(evaluated(moved(0.05), [...listed, ...grown])).toEqual(['firing 212']);
  });

  it('changes with each value that was logged or observed apart, and each of the same chain', () => {
    const apart = [tvl('arbitrum', 150, 1), tvl('ethereum', 50, 2)];
    expect(evaluated(moved(0.2), [...listed, ...apart])).toEqual(['firing 250', 'firing 200']);
    const observedApart = [tvl('arbitrum', 150, 1), tvl('ethereum', 50, 1, 1)];
    expect(evaluated(moved(0.2), [...listed, ...observedApart])).toEqual(['firing 250', 'firing 200']);
    const again = [tvl('arbitrum', 150, 1), tvl('arbitrum', 100, 1)];
    expect(evaluated(moved(0.2), [...listed, ...again])).toEqual(['firing 250', 'firing 200']);
  });

  it('counts a chain beside a pseudo chain, which completes the write but not the sum', () => {
    const staked = [tvl('arbitrum', 50, 1), tvl('staking', 1_000, 1)];
    expect(evaluated(below(180), [...listed, ...staked])).toEqual(['firing 150']);
  });

  it('is the same after a restart and in a backtest', () => {
    const next = [tvl('arbitrum', 151, 3), tvl('ethereum', 45, 3)];
    const live = evaluated(moved(0.02), [...listed, ...shifted, ...next]);
    expect(live).toEqual(['firing 196']);
    const restarted = new Evaluator();
    restarted.seed(markParts([...listed, ...shifted].map(pointOf)), START + 2_000);
    restarted.addRule(moved(0.02));
    expect(evaluate(restarted, next)).toEqual(live);
    const tested = backtest(moved(0.02), [...listed, ...shifted, ...next], { from: START - 1, to: START + 9_000 });
    expect(tested.map(({ to, readings }) => `${to} ${readings[0]?.current}`)).toEqual(live);
  });

  it('fires as one chain with the sums of the writes would', () => {
    const write = fc.dictionary(fc.constantFrom('arbitrum', 'base', 'ethereum'), fc.integer({ min: 0, max: 9 }), {
      minKeys: 1,
    });
    const rule = fc.oneof(fc.integer({ min: 1, max: 27 }).map(below), fc.constantFrom(0.1, 0.5, -0.5).map(moved));
    fc.assert(
      fc.property(fc.array(write, { maxLength: 12 }), rule, (writes, wanted) => {
        const rows = writes.flatMap((values, step) =>
          Object.entries(values).map(([chain, value]) => tvl(chain, value, step)),
        );
        const held: Record<string, number> = {};
        const sums = writes.map((values, step) => {
          Object.assign(held, values);
          const sum = Object.values(held).reduce((total, value) => total + value, 0);
          return tvl('one', sum, step);
        });
        expect(evaluated(wanted, rows)).toEqual(evaluated(wanted, sums));
      }),
    );
  });
});
