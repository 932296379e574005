import { expect, it } from 'vitest';
import { Evaluator } from './evaluator.js';
import type { MarketRow } from './market-row.js';
import { pointsChange } from './points-change.fixture.js';
import { checkRule } from './rule/check-rule.js';
import type { Condition, RuleDefinition } from './rule/rule.js';

const ACCOUNT = `0x${'aa'.repeat(20)}`;

const about = (field: string, operator: 'eq' | 'gt', threshold: number | string): Condition => ({
  metric: 'event',
  eventType: 'points_change',
  field,
  operator,
  threshold,
});

const change = (at: number, account: string, currentPoints: string, final: string): MarketRow =>
  pointsChange(at, account, { currentPoints, final });

it.each<[string, string[]]>([
  ['currentPoints', ['1000.5', '9007199254740993000.000001']],
  ['final', ['9007199254740993000.000001']],
])('a rule on points_change compares the %s of one account', (field, expected) => {
  const rule: RuleDefinition = {
    ruleId: '0199a0a0-0000-7000-8000-000000000002',
    version: 1,
    conditions: [about('account', 'eq', ACCOUNT), about(field, 'gt', 1_000)],
    where: null,
    mode: 'while_true',
    throttleMinutes: 0,
    hysteresis: 0,
    forSeconds: 0,
    notifyResolved: false,
  };
  expect(checkRule(rule).errors).toEqual([]);
  const evaluator = new Evaluator();
  evaluator.addRule(rule);
  const fired = [
    change(1, ACCOUNT, '1000', '0'),
    change(2, ACCOUNT, '1000.5', '0'),
    change(3, `0x${'bb'.repeat(20)}`, '5000', '5000'),
    change(4, ACCOUNT, '9007199254740993000.000001', '9007199254740993000.000001'),
  ].flatMap((row) => evaluator.apply(row).map(({ event }) => event?.data?.['currentPoints']));
  expect(fired).toEqual(expected);
});
