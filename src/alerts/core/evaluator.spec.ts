import { describe, expect, it } from 'vitest';
import { aLogEvent } from '../../../test/support/data/log-event.js';
import { backtest } from './backtest.js';
import { Evaluator } from './evaluator.js';
import type { HistoryPoint, MarketRow } from './market-row.js';
import type { Condition, RuleDefinition } from './rule/rule.js';
import type { Transition } from './transition.js';

const START = 1_760_000_000_000;
const SECOND = 1_000;

function tvl(current: number, seconds: number, { protocol = 'aave-v3', chain = 'ethereum', lag = 0 } = {}): MarketRow {
  const loggedAt = START + seconds * SECOND;
  return aLogEvent({ protocol, chain, current, observedAt: loggedAt - lag * SECOND }, loggedAt);
}

function rule(conditions: Condition[], extra: Partial<RuleDefinition> = {}): RuleDefinition {
  return {
    ruleId: 'rule',
    version: 1,
    conditions,
    mode: 'while_true',
    throttleMinutes: 5,
    hysteresis: 0,
    forSeconds: 0,
    notifyResolved: false,
    ...extra,
  };
}

const above = (threshold: number): Condition => ({ protocol: 'aave-v3', metric: 'tvl', operator: 'gt', threshold });
const notified = (transitions: readonly Transition[]): Transition[] =>
  transitions.filter(({ silenced }) => silenced === null);
const reasons = (transitions: readonly Transition[]): string[] => notified(transitions).map(({ reason }) => reason);

describe('the rule evaluator', () => {
  it('reports for every condition the value and the reference value of the comparison', () => {
    const evaluator = new Evaluator();
    const fall: Condition = {
      protocol: 'aave-v3',
      metric: 'tvl',
      operator: 'change_pct',
      threshold: -0.1,
      timeWindow: 60,
    };
    evaluator.addRule(rule([fall, above(50)]));
    evaluator.apply(tvl(100, 0));
    evaluator.tick(START + 70 * SECOND);
    const [fired] = evaluator.apply(tvl(80, 71));
    expect(fired).toMatchObject({
      ruleId: 'rule',
      seq: 1,
      from: 'ok',
      to: 'firing',
      reason: 'first_fire',
      at: START + 71 * SECOND,
    });
    expect(fired?.readings).toEqual([
      {
        condition: 0,
        holds: true,
        protocol: 'aave-v3',
        chain: null,
        token: null,
        value: -0.2,
        current: 80,
        previous: 100,
        reference: 100,
        referenceAt: START,
        observedAt: START + 71 * SECOND,
      },
      expect.objectContaining({ condition: 1, holds: true, value: 80, reference: null }),
    ]);
  });

  it('starts counting `forSeconds` at rule creation if the condition already holds', () => {
    const evaluator = new Evaluator();
    evaluator.apply(tvl(11, 0));
    evaluator.tick(START + SECOND);
    evaluator.addRule(rule([above(10)], { forSeconds: 10, madeAt: new Date(START + 9 * SECOND) }));
    expect(evaluator.tick(START + 18 * SECOND)).toEqual([]);
    expect(evaluator.tick(START + 19 * SECOND)).toMatchObject([{ reason: 'first_fire', since: START + 9 * SECOND }]);
  });

  it('repeats an alert with the first event after the throttle period and is silent until then', () => {
    const evaluator = new Evaluator();
    evaluator.addRule(rule([above(10)]));
    const notified = [11, 12, 13].map((value, n) => reasons(evaluator.apply(tvl(value, n * 150))));
    expect(notified).toEqual([['first_fire'], [], ['repeat']]);
  });

  it('sends one summary of throttled alerts at the first timer tick after the throttle period', () => {
    const evaluator = new Evaluator();
    evaluator.addRule(rule([above(10)], { notifyResolved: true }));
    for (const [n, value] of [11, 9, 11, 9, 11].entries()) evaluator.apply(tvl(value, n));
    expect(evaluator.tick(START + 299 * SECOND)).toEqual([]);
    const [summary] = evaluator.tick(START + 300 * SECOND);
    expect(summary).toMatchObject({ reason: 'throttle_summary', suppressed: 2, from: 'firing', to: 'firing', seq: 5 });
    expect(reasons(evaluator.apply(tvl(9, 301)))).toEqual(['resolved']);
  });

  it('sends nothing while snoozed or on stale values, but fires on the next fresh value', () => {
    const evaluator = new Evaluator();
    evaluator.addRule(rule([above(10)], { snoozedUntil: new Date(START + 60 * SECOND) }));
    expect(evaluator.apply(tvl(11, 0))).toMatchObject([{ silenced: 'snoozed', reason: 'first_fire' }]);
    expect(evaluator.apply(tvl(12, 61, { lag: 4_000 }))).toEqual([]);
    expect(reasons(evaluator.apply(tvl(12.5, 62)))).toEqual(['first_fire']);
  });

  it('sends nothing for stale values, even after `forSeconds` has elapsed', () => {
    const evaluator = new Evaluator();
    evaluator.addRule(rule([above(10)], { forSeconds: 60 }));
    evaluator.apply(tvl(11, 0, { lag: 4_000 }));
    expect(evaluator.tick(START + 70 * SECOND)).toEqual([]);
    expect(reasons(evaluator.apply(tvl(11.5, 71)))).toEqual(['first_fire']);
  });

  it('fires only if the values of all conditions are fresh', () => {
    const evaluator = new Evaluator();
    evaluator.addRule(
      rule([
        { ...above(10), chain: 'ethereum' },
        { ...above(100), chain: 'base' },
      ]),
    );
    evaluator.apply(tvl(11, 0, { lag: 4_000 }));
    expect(evaluator.apply({ ...tvl(101, 1), chain: 'base' })).toEqual([]);
    expect(reasons(evaluator.apply(tvl(12, 2)))).toEqual(['first_fire']);
  });

  it('reports no fall when the first value of a chain replaces the total given by the source', () => {
    const evaluator = new Evaluator();
    const fall: Condition = { metric: 'tvl', protocol: 'aave-v3', operator: 'change_pct', threshold: -0.3 };
    evaluator.addRule(rule([fall]));
    evaluator.apply(tvl(100, 0, { chain: 'all' }));
    expect(evaluator.apply(tvl(40, 1))).toEqual([]);
    expect(reasons(evaluator.apply(tvl(20, 2)))).toEqual(['first_fire']);
  });

  it('applies an early end of a snooze immediately', () => {
    const evaluator = new Evaluator();
    const snoozed = rule([above(10)], { snoozedUntil: new Date(START + 3_600 * SECOND) });
    evaluator.addRule(snoozed);
    evaluator.apply(tvl(11, 0));
    evaluator.updateRule({ ...snoozed, version: 2, snoozedUntil: null });
    expect(evaluator.apply(tvl(12, 1))).toMatchObject([{ reason: 'first_fire', ruleVersion: 2 }]);
  });

  it('measures an edited throttle period from the last message', () => {
    const evaluator = new Evaluator();
    const slow = rule([above(10)], { throttleMinutes: 43_200 });
    evaluator.addRule(slow);
    const after = (value: number, seconds: number): string[] => reasons(evaluator.apply(tvl(value, seconds)));
    expect([after(11, 0), after(9, 1), after(12, 2)]).toEqual([['first_fire'], [], []]);
    evaluator.updateRule({ ...slow, version: 2, throttleMinutes: 5 });
    expect(evaluator.tick(START + 290 * SECOND)).toEqual([]);
    expect(evaluator.tick(START + 300 * SECOND)).toMatchObject([{ reason: 'throttle_summary', suppressed: 1 }]);
    evaluator.updateRule({ ...slow, version: 3, throttleMinutes: 0 });
    expect(after(13, 301)).toEqual(['repeat']);
    evaluator.updateRule({ ...slow, version: 4, throttleMinutes: 10 });
    expect([after(14, 900), after(15, 901)]).toEqual([[], ['repeat']]);
  });

  it('fires separately per chain of a wildcard, except for pseudo chains such as `staking`', () => {
    const evaluator = new Evaluator();
    evaluator.addRule(rule([{ metric: 'tvl', chain: '*', operator: 'lt', threshold: 5 }], { throttleMinutes: 0 }));
    const keys = ['ethereum', 'bsc', 'staking'].flatMap((chain) => evaluator.apply(tvl(1, 0, { chain })));
    expect(keys.map(({ instanceKey }) => instanceKey)).toEqual([
      'protocol=aave-v3,chain=ethereum',
      'protocol=aave-v3,chain=bsc',
    ]);
  });

  it('marks late firings as `catch_up`, and refuses duplicate or unknown rules', () => {
    const evaluator = new Evaluator();
    evaluator.addRule(rule([above(10)]));
    expect(reasons(evaluator.apply(tvl(11, 0), true))).toEqual(['catch_up']);
    expect(() => evaluator.addRule(rule([above(10)]))).toThrow('already added');
    expect(() => evaluator.updateRule(rule([above(10)], { ruleId: 'other' }))).toThrow('not added');
    expect([evaluator.size, evaluator.removeRule('rule'), evaluator.removeRule('rule'), evaluator.size]).toEqual([
      1,
      true,
      false,
      0,
    ]);
  });

  it('requests the history of each token or protocol once, for the longest time window', () => {
    const window = (timeWindow: number): Condition =>
      ({ ...above(0.1), operator: 'change_pct', timeWindow }) as Condition;
    const needs = new Evaluator().historyNeeds(
      rule([window(60), window(3600), { token: 'bitcoin', metric: 'change_24h', operator: 'gt', threshold: 1 }]),
    );
    expect(needs).toEqual([
      { metric: 'tvl', protocol: 'aave-v3', chain: null, token: null, seconds: 3600 },
      { metric: 'price', protocol: null, chain: null, token: 'bitcoin', seconds: 86_400 },
    ]);
  });
});

describe('a backtest on stored values', () => {
  it('applies a new value before moving the time window at the same instant', () => {
    const HOUR = 3_600 * SECOND;
    const points = (
      [
        [-50, 100],
        [-28, 75],
        [-26, 100],
      ] as const
    ).map(([hours, value]): HistoryPoint => ({
      metric: 'price',
      protocol: null,
      chain: null,
      token: 'bitcoin',
      value,
      at: START + hours * HOUR,
    }));
    const fall: Condition = { metric: 'change_24h', token: 'bitcoin', operator: 'lte', threshold: -0.2 };
    expect(backtest(rule([fall]), points, { from: START - 30 * HOUR, to: START })).toEqual([]);
  });

  it('runs its own timer ticks and uses values from before the start of the period', () => {
    const points = [100, 101, 85, 86].map((value, n): HistoryPoint => ({
      metric: 'tvl',
      protocol: 'aave-v3',
      chain: 'bsc',
      token: null,
      value,
      at: START + n * 100 * SECOND,
    }));
    const fall: Condition = {
      protocol: 'aave-v3',
      metric: 'tvl',
      operator: 'change_pct',
      threshold: -0.1,
      timeWindow: 60,
    };
    const options = { from: START + 150 * SECOND, to: START + 600 * SECOND };
    const notified = backtest(rule([fall], { notifyResolved: true }), points, options);
    expect(notified.map(({ reason, at }) => [reason, (at - START) / SECOND])).toEqual([
      ['first_fire', 200],
      ['resolved', 260],
    ]);
    expect(
      backtest(rule([fall]), points, { ...options, from: START + 1_000 * SECOND, to: START + 2_000 * SECOND }),
    ).toEqual([]);
  });
});
