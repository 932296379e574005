import { describe, expect, it } from 'vitest';
import { aLogEvent } from '../../../test/support/data/log-event.js';
import { EXAMPLE_ALERT } from '../../notifications/index.js';
import { Evaluator, type MarketRow, type Rule, type Transition } from '../core/index.js';
import { alertMessage } from './alert-message.js';

const START = 1_760_000_000_000;
const SECOND = 1_000;

function price(current: number, seconds: number, token = 'bitcoin'): MarketRow {
  return aLogEvent({ type: 'price_change', token, current }, START + seconds * SECOND);
}

function rule(more: Partial<Rule>): Rule {
  return {
    ruleId: 'rule',
    userId: 'ann',
    name: 'R',
    version: 1,
    conditions: [],
    actions: [],
    priority: 'normal',
    isActive: true,
    createdAt: new Date(START),
    updatedAt: new Date(START),
    mode: 'while_true',
    throttleMinutes: 0,
    hysteresis: 0,
    forSeconds: 0,
    notifyResolved: false,
    ...more,
  };
}

const above = { token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 100 } as const;

/** Returns the messages of the rule for the values, logged one second apart, and for a tick five minutes later. */
function notified(watching: Rule, rows: readonly MarketRow[]): ReturnType<typeof alertMessage>[] {
  const evaluator = new Evaluator();
  evaluator.addRule(watching);
  const transitions = rows.flatMap((row): Transition[] => evaluator.apply(row));
  transitions.push(...evaluator.tick(START + 301 * SECOND));
  return transitions.flatMap((transition) => (transition.silenced ? [] : [alertMessage(watching, transition)]));
}

const sentences = (watching: Rule, values: readonly number[]): string[] =>
  notified(
    watching,
    values.map((value, n) => price(value, n)),
  ).map(({ message }) => message);

describe('the message of an alert', () => {
  it('states that a value is above its threshold only while that is true', () => {
    expect(sentences(rule({ conditions: [above], throttleMinutes: 5 }), [110, 90, 111, 91])).toEqual([
      'R: Price of bitcoin is $110, above $100',
      'R: once more since the last message; now Price of bitcoin is $91',
    ]);
  });

  it('states the opposite comparison for a condition under `not`', () => {
    const not = { where: { not: above } };
    expect(sentences(rule(not), [90])).toEqual(['R: Price of bitcoin is $90, at or below $100']);
    const [alert] = notified(rule(not), [price(90, 0)]);
    expect(alert?.explanation).toMatchObject({ conditions: [{ ...above, negated: true, value: 90, holds: true }] });
    const [twice] = notified(rule({ where: { not: { not: above } } }), [price(110, 0)]);
    expect(twice?.message).toBe('R: Price of bitcoin is $110, above $100');
    expect(JSON.stringify(twice?.explanation)).not.toContain('negated');
  });

  it('states for operator `eq` whether the value passed or reached the threshold', () => {
    const at = { ...above, operator: 'eq' } as const;
    expect(sentences(rule({ conditions: [at] }), [90, 110, 100])).toEqual([
      'R: Price of bitcoin is $110, past $100',
      'R: Price of bitcoin is $100, at $100',
    ]);
  });

  it('gives the number of suppressed alerts and the value of each token in a summary', () => {
    const { token: _, ...every } = above;
    const watching = rule({ conditions: [every], throttleMinutes: 5, throttleScope: 'rule' });
    const rows = [price(110, 0), price(120, 1, 'ether'), price(130, 2, 'usd-coin')];
    expect(notified(watching, rows).map(({ message }) => message)).toEqual([
      'R: Price of bitcoin is $110, above $100',
      'R: 2 times more since the last message: usd-coin $130, ether $120',
    ]);
  });

  it('has the same fields as the example alert used to check templates', () => {
    const [alert] = notified(rule({ conditions: [{ ...above, operator: 'lt' }] }), [
      { ...price(90, 0), seq: 1, epoch: 'e' },
    ]);
    const shape = (of: object | undefined): string[] => Object.keys(of ?? {}).toSorted();
    const about = ['protocol', 'chain', 'token'];
    const withoutSubject = (keys: string[]): string[] => keys.filter((key) => !about.includes(key));
    expect(withoutSubject(shape(EXAMPLE_ALERT))).toEqual(withoutSubject(shape(alert)));
    expect(shape(EXAMPLE_ALERT.explanation)).toEqual(shape(alert?.explanation));
    const conditionOf = (explanation: object | undefined): object =>
      (explanation as { conditions: object[] } | undefined)?.conditions[0] ?? {};
    expect(shape(conditionOf(EXAMPLE_ALERT.explanation))).toEqual(shape(conditionOf(alert?.explanation)));
  });
});
