import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { backtest, Evaluator, type HistoryPoint, type Transition } from '../../../src/alerts/core/index.js';
import { historyOf, scenarios, type Step } from '../../support/alert-scenarios.js';
import { StateStore } from '../../support/alert-state-store.js';
import { NaiveAlerts, type ToldTransition } from '../../support/naive-alerts.js';

const DEAD_BAND = { tvl: 0.01, price: 0.2 };
const OPTIONS = { deadBand: (metric: 'tvl' | 'price') => DEAD_BAND[metric], staleAfterMs: 30_000 };
const RUNS = process.env['TEST_LONG'] ? 50_000 : 1_000;

const told = ({ readings: _, ...transition }: Transition): ToldTransition => transition;
const ordered = (transitions: readonly ToldTransition[]): ToldTransition[] =>
  transitions.toSorted((a, b) => (a.ruleId < b.ruleId ? -1 : a.ruleId > b.ruleId ? 1 : a.seq - b.seq));

describe('the indexed evaluator', () => {
  it('tells what a naive evaluator tells, over rules, edits, snoozes, events, ticks and restarts', () => {
    const reasons = new Set<string>();
    fc.assert(
      fc.property(scenarios(), (steps) => {
        const naive = new NaiveAlerts(DEAD_BAND, OPTIONS.staleAfterMs);
        const store = new StateStore();
        let evaluator = new Evaluator(OPTIONS);
        for (const [index, step] of steps.entries()) {
          if (step.kind === 'row') {
            const transitions = evaluator.apply(step.row);
            for (const { reason } of transitions) reasons.add(reason);
            expect(ordered(transitions.map(told)), `step ${index}`).toEqual(ordered(naive.apply(step.row)));
          } else if (step.kind === 'restart') evaluator = restarted(evaluator, steps.slice(0, index), naive, store);
          else {
            evaluator.loadHistory(historyOf(steps.slice(0, index)));
            edit(step, evaluator, naive, store);
          }
          store.write(evaluator.takeChanges());
        }
      }),
      { numRuns: RUNS },
    );
    expect([...reasons].sort()).toEqual(['first_fire', 'repeat', 'resolved', 'throttle_summary']);
  });

  it('tells in a backtest what it told live', () => {
    fc.assert(
      fc.property(scenarios(), (steps) => {
        const rows = steps.flatMap((step) => (step.kind === 'row' ? [step.row] : []));
        const [rule] = steps.flatMap((step) => (step.kind === 'add' ? [step.rule] : []));
        const from = rows[Math.floor(rows.length / 3)]?.loggedAt;
        fc.pre(rule !== undefined && from !== undefined);
        const unsnoozed = { ...rule, snoozedUntil: null };

        const live = new Evaluator(OPTIONS);
        const earlier = rows.filter((row) => row.loggedAt < from);
        for (const row of earlier) live.apply(row);
        live.loadHistory(historyOf(earlier.map((row) => ({ kind: 'row', row }))));
        live.addRule(unsnoozed);
        const wanted = rows.slice(earlier.length).flatMap((row) => live.apply(row));

        expect(backtest(unsnoozed, rows, { ...OPTIONS, from, to: Infinity, tickEveryMs: 0 })).toEqual(wanted);
      }),
      { numRuns: RUNS },
    );
  });
});

/** A new evaluator from what a database would have: values, history and states, and nothing of the old one. */
function restarted(old: Evaluator, past: readonly Step[], naive: NaiveAlerts, store: StateStore): Evaluator {
  const points = historyOf(past);
  const evaluator = new Evaluator(OPTIONS);
  evaluator.seed(lastTwoOfEachKey(points), old.clock);
  evaluator.loadHistory(points);
  for (const { rule } of naive.rules.values()) {
    const saved = store.of(rule.ruleId);
    expect(saved?.instances.toSorted(byKey) ?? []).toEqual(old.savedState(rule.ruleId)?.instances.toSorted(byKey));
    evaluator.addRule(rule, saved);
  }
  return evaluator;
}

const byKey = (a: { instanceKey: string }, b: { instanceKey: string }): number =>
  a.instanceKey < b.instanceKey ? -1 : 1;

function lastTwoOfEachKey(points: readonly HistoryPoint[]): HistoryPoint[] {
  const counts = new Map<string, number>();
  return points
    .toReversed()
    .filter(({ metric, protocol, chain, token }) => {
      const key = `${metric} ${protocol} ${chain} ${token}`;
      counts.set(key, (counts.get(key) ?? 0) + 1);
      return (counts.get(key) ?? 0) <= 2;
    })
    .toReversed();
}

function edit(
  step: Exclude<Step, { kind: 'row' | 'restart' }>,
  evaluator: Evaluator,
  naive: NaiveAlerts,
  store: StateStore,
): void {
  switch (step.kind) {
    case 'add':
      evaluator.addRule(step.rule);
      naive.add(step.rule);
      return;
    case 'tune':
      evaluator.updateRule(step.rule);
      naive.tune(step.rule);
      return;
    case 'rewrite':
      evaluator.updateRule(step.rule);
      naive.rewrite(step.rule);
      return;
    case 'remove':
      expect(evaluator.removeRule(step.ruleId)).toBe(true);
      naive.remove(step.ruleId);
      evaluator.takeChanges();
      store.drop(step.ruleId);
  }
}
