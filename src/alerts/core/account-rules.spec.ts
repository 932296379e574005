import { describe, expect, it } from 'vitest';
import { Evaluator } from './evaluator.js';
import type { MarketRow } from './market-row.js';
import { pointsChange } from './points-change.fixture.js';
import { checkRule } from './rule/check-rule.js';
import { parseConditions } from './rule/parse-conditions.js';
import type { Condition, RuleDefinition } from './rule/rule.js';

const [A, B, C] = ['aa', 'bb', 'cc'].map((digits) => `0x${digits.repeat(20)}`) as [string, string, string];

const change = (at: number, account: string, currentPoints: string, stakedTokens = '0'): MarketRow =>
  pointsChange(at, account, { currentPoints, stakedTokens });

const rule = (condition: Partial<Condition> & object, more: Partial<RuleDefinition> = {}): RuleDefinition => ({
  ruleId: '0199a0a0-0000-7000-8000-000000000002',
  version: 1,
  conditions: [{ metric: 'points', operator: 'gt', threshold: 1_000, ...condition } as Condition],
  where: null,
  mode: 'while_true',
  throttleMinutes: 0,
  hysteresis: 0,
  forSeconds: 0,
  notifyResolved: true,
  ...more,
});

const fired = (evaluator: Evaluator, rows: MarketRow[]) =>
  rows.flatMap((row) =>
    evaluator
      .apply(row)
      .map(({ reason, readings: [reading], instanceKey }) => [
        row.loggedAt,
        reason,
        reading?.account,
        reading?.value,
        instanceKey,
      ]),
  );

describe('a rule on the points of an account', () => {
  it('fires above its threshold, and is resolved below it', () => {
    const evaluator = new Evaluator();
    evaluator.addRule(rule({ account: A }));
    const rows = [change(1, A, '1000'), change(2, B, '5000'), change(3, A, '1000.5'), change(4, A, '999.999999')];
    expect(fired(evaluator, rows)).toEqual([
      [3, 'first_fire', A, 1000.5, ''],
      [4, 'resolved', A, 999.999999, ''],
    ]);
  });

  it('has an instance for each account if it names none', () => {
    const evaluator = new Evaluator();
    evaluator.addRule(rule({ metric: 'staked_tokens', threshold: 2, operator: 'gte' }));
    const rows = [change(1, A, '0', '2'), change(2, B, '0', '1'), change(3, C, '0', '7'), change(4, A, '0', '1')];
    expect(fired(evaluator, rows)).toEqual([
      [1, 'first_fire', A, 2, `account=${A}`],
      [3, 'first_fire', C, 7, `account=${C}`],
      [4, 'resolved', A, 1, `account=${A}`],
    ]);
  });

  it('continues after a restart from the numbers that were announced', () => {
    const before = new Evaluator();
    const watched = rule({});
    expect(before.accountNeeds(watched)).toEqual(['*']);
    before.addRule(watched);
    fired(before, [change(1, A, '2000'), change(2, B, '500')]);
    expect(before.accountNeeds({ ...watched, ruleId: 'other' })).toEqual([]);
    before.takeChanges();
    const after = new Evaluator();
    after.seed([], before.clock);
    after.loadAccounts([
      { account: A, points: 2000, staked_tokens: 0, at: 1 },
      { account: B, points: 500, staked_tokens: 0, at: 2 },
    ]);
    after.addRule(watched, before.savedState(watched.ruleId));
    expect(after.tick(10)).toEqual([]);
    expect(fired(after, [change(11, A, '900'), change(12, B, '1001')])).toEqual([
      [11, 'resolved', A, 900, `account=${A}`],
      [12, 'first_fire', B, 1001, `account=${B}`],
    ]);
  });

  it('needs the numbers only of accounts that are not known yet', () => {
    const evaluator = new Evaluator();
    expect(evaluator.accountNeeds(rule({ account: A }))).toEqual([A]);
    evaluator.addRule(rule({ account: A }));
    fired(evaluator, [change(1, A, '1'), change(2, B, '1')]);
    expect(evaluator.accountNeeds(rule({ account: A }))).toEqual([]);
    expect(evaluator.accountNeeds(rule({ account: B }))).toEqual([B]);
  });

  it('keeps its value when a token of the same name loses its price', () => {
    const evaluator = new Evaluator();
    evaluator.addRule(rule({ account: A }));
    const removal = { ...change(2, A, '0'), type: 'price_removed' as const, token: A, data: null };
    expect(fired(evaluator, [change(1, A, '2000'), removal]).length).toBe(1);
    expect(evaluator.tick(20)).toEqual([]);
  });
});

it.each<[object, string, string]>([
  [{ metric: 'points', account: A, protocol: 'aave' }, '/conditions/0/protocol', 'not_applicable'],
  [{ metric: 'tvl', account: A }, '/conditions/0/account', 'not_applicable'],
  [
    { metric: 'points', account: A, operator: 'change_pct', threshold: 0.1 },
    '/conditions/0/operator',
    'not_applicable',
  ],
  [{ metric: 'staked_tokens', account: A, tags: ['x'] }, '/conditions/0/tags', 'not_applicable'],
])('the condition %j is refused', (condition, pointer, code) => {
  const { errors } = checkRule(rule(condition));
  expect(errors).toMatchObject([{ pointer, code }]);
});

it('an account is read in any case of its letters, `*` is each account, and other texts are refused', () => {
  const read = (account: unknown) =>
    parseConditions([{ metric: 'points', operator: 'gt', threshold: 1, account }], undefined);
  expect(read(A.toUpperCase().replace('0X', '0x')).conditions).toMatchObject([{ account: A }]);
  expect(read('*').conditions[0]).not.toHaveProperty('account');
  for (const wrong of ['0x12', 'alice', 7, `${A}0`])
    expect(read(wrong).errors).toMatchObject([{ pointer: '/conditions/0/account', code: 'invalid_value' }]);
});

it('points and prices in one rule are about different subjects unless both are named', () => {
  const price: Condition = { metric: 'price', operator: 'gt', threshold: 1 };
  const { conditions } = rule({});
  expect(checkRule(rule({}, { conditions: [...conditions, price] })).errors[0]?.code).toBe('not_joinable');
  const named: Condition[] = [{ ...price, token: 'bitcoin' }, ...rule({ account: A }).conditions];
  expect(checkRule(rule({}, { conditions: named })).errors).toEqual([]);
});
