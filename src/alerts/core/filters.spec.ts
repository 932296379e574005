import { describe, expect, it } from 'vitest';
import { aLogEvent } from '../../../test/support/data/log-event.js';
import { checkRule } from './rule/check-rule.js';
import { Evaluator } from './evaluator.js';
import type { MarketRow } from './market-row.js';
import { parseConditions } from './rule/parse-conditions.js';
import type { Condition, RuleDefinition, SubjectFilter } from './rule/rule.js';
import type { Transition } from './transition.js';

const START = 1_760_000_000_000;
const at = (seconds: number): number => START + seconds * 1_000;

interface Facts {
  category?: string | null;
  tags?: string[];
  chain?: string;
}

function tvl(
  protocol: string,
  current: number,
  seconds: number,
  { category = null, tags = [], chain = 'ethereum' }: Facts = {},
) {
  return aLogEvent({ protocol, chain, current, category, tags }, at(seconds));
}

const rule = (condition: Condition): RuleDefinition => ({
  ruleId: 'rule',
  version: 1,
  conditions: [condition],
  mode: 'while_true',
  throttleMinutes: 0,
  hysteresis: 0,
  forSeconds: 0,
  notifyResolved: true,
});
const fall = (filter: SubjectFilter): Condition => ({
  metric: 'tvl',
  operator: 'change_pct',
  threshold: -0.2,
  ...filter,
});
const price = (filter: SubjectFilter): Condition => ({ metric: 'price', operator: 'gt', threshold: 10, ...filter });
const high = (filter: SubjectFilter): Condition => ({ metric: 'tvl', operator: 'gt', threshold: 10, ...filter });
const named = ({ reason, instanceKey }: Transition): string => `${reason} ${instanceKey}`;

function notified(condition: Condition, ...rows: MarketRow[]): string[] {
  const evaluator = new Evaluator();
  evaluator.addRule(rule(condition));
  return rows.flatMap((row) => evaluator.apply(row).map(named));
}

describe('a wildcard rule with a filter', () => {
  it('matches protocols of the given categories regardless of letter case', () => {
    const lending = { category: 'Lending' };
    const rows = ['a', 'b'].flatMap((name, index) => [
      tvl(name, 100, 0, index === 0 ? lending : { category: 'Dexs' }),
      tvl(name, 70, 1, index === 0 ? lending : { category: 'Dexs' }),
    ]);
    expect(notified(fall({ categories: ['LENDING'] }), ...rows)).toEqual(['first_fire protocol=a']);
    expect(notified(fall({ categories: ['lending', 'Dexs'] }), ...rows)).toHaveLength(2);
  });

  it('applies `minTvl` to the TVL before a fall, and keeps a firing protocol below `minTvl`', () => {
    const rows = [tvl('big', 2e6, 0), tvl('small', 9e5, 0), tvl('big', 1e5, 1), tvl('small', 1e5, 1)];
    expect(notified(fall({ minTvl: 1e6 }), ...rows)).toEqual(['first_fire protocol=big']);
    const levels = [tvl('p', 9, 0), tvl('p', 20, 1), tvl('p', 30, 2), tvl('p', 20, 3), tvl('p', 15, 4), tvl('p', 9, 5)];
    expect(notified(high({ minTvl: 30 }), ...levels)).toEqual([
      'first_fire protocol=p',
      'repeat protocol=p',
      'repeat protocol=p',
      'resolved protocol=p',
    ]);
  });

  it('compares `minTvl` with the sum of chains, not the `all` total, even after a restart', () => {
    const rows = [tvl('p', 100, 0, { chain: 'all' }), tvl('p', 20, 1), tvl('p', 5, 2, { chain: 'all' })];
    const [live, restarted] = [new Evaluator(), new Evaluator()];
    for (const row of rows) live.apply(row);
    // The total that was published before the first chain is not part of the seed.
    restarted.seed(
      rows.slice(1).map((row) => ({ ...row, metric: 'tvl', value: row.current, at: row.observedAt })),
      START,
    );
    for (const evaluator of [live, restarted]) {
      evaluator.addRule(rule(high({ minTvl: 50 })));
      evaluator.addRule({ ...rule(high({ minTvl: 15 })), ruleId: 'lower' });
      expect(evaluator.tick(START + 10_000).map(({ ruleId }) => ruleId)).toEqual(['lower']);
    }
  });

  it('compares `minTvl` with the protocol total if the condition is about a single chain', () => {
    const condition: Condition = { ...fall({ minTvl: 100 }), chain: 'bsc' };
    const rows = [tvl('p', 95, 0), tvl('p', 10, 1, { chain: 'bsc' }), tvl('p', 7, 2, { chain: 'bsc' })];
    expect(notified(condition, ...rows)).toEqual(['first_fire protocol=p']);
  });

  it('matches a protocol by the tags of any of its chains, a chain or token by its own tags', () => {
    const rows = [tvl('p', 20, 0, { tags: ['x'] }), tvl('p', 20, 1, { chain: 'bsc', tags: ['y', 'z'] })];
    expect(notified(high({ tags: ['y'] }), ...rows)).toEqual(['first_fire protocol=p']);
    expect(notified({ ...high({ tags: ['x', 'w'] }), chain: 'bsc' }, ...rows)).toEqual([]);
    const row = aLogEvent({ type: 'price_change', token: 't', current: 20, tags: ['y'] }, at(0));
    expect(notified(price({ tags: ['y'] }), row)).toEqual(['first_fire token=t']);
    expect(notified(price({ tags: ['x'] }), row)).toEqual([]);
  });

  it('fires if one event adds the tag and also crosses the threshold of another condition', () => {
    const passes: Condition = { metric: 'price', token: 't', operator: 'eq', threshold: 8 };
    const evaluator = new Evaluator();
    evaluator.addRule({ ...rule(passes), conditions: [passes, { ...price({ tags: ['y'] }), threshold: 0 }] });
    const row = (current: number, tags: string[], seconds: number): MarketRow =>
      aLogEvent(
        {
          type: 'price_change',
          token: 't',
          current,
          tags,
        },
        at(seconds),
      );
    expect(evaluator.apply(row(9, ['x'], 0))).toEqual([]);
    expect(evaluator.apply(row(1, ['x', 'y'], 1)).map(named)).toEqual(['first_fire token=t']);
    expect(evaluator.apply(row(2, ['x', 'y'], 2))).toEqual([]);
  });

  it('fires and resolves immediately when the category of a protocol changes', () => {
    const moved = (category: string, seconds: number): MarketRow =>
      aLogEvent(
        {
          type: 'protocol_update',
          protocol: 'p',
          category,
        },
        at(seconds),
      );
    const rows = [tvl('p', 20, 0, { category: 'Dexs' }), moved('Lending', 1), moved('Dexs', 2)];
    expect(notified(high({ categories: ['Lending'] }), ...rows)).toEqual([
      'first_fire protocol=p',
      'resolved protocol=p',
    ]);
  });

  it('is refused if a filter is malformed or does not apply to the condition', () => {
    const faults = (condition: object): string[] => {
      const { conditions, errors } = parseConditions([condition], null);
      const found = errors.length > 0 ? errors : checkRule({ ...rule(high({})), conditions }).errors;
      return found.map(({ pointer, code }) => `${pointer.slice('/conditions/0/'.length)} ${code}`);
    };
    const condition = { metric: 'tvl', operator: 'gt', threshold: 1 };
    expect(faults({ ...condition, categories: ['Lending'], tags: ['x'], minTvl: 1e6 })).toEqual([]);
    expect(faults({ ...condition, protocol: 'aave-v3', categories: ['Lending'] })).toEqual([
      'categories not_applicable',
    ]);
    expect(faults({ ...condition, metric: 'price', minTvl: 1 })).toEqual(['minTvl not_applicable']);
    expect(faults({ ...condition, metric: 'price', tags: ['x'] })).toEqual([]);
    expect(faults({ ...condition, categories: [] })).toEqual(['categories invalid_value']);
    expect(faults({ ...condition, tags: 'x' })).toEqual(['tags invalid_value']);
    expect(faults({ ...condition, minTvl: 0 })).toEqual(['minTvl out_of_range']);
    expect(faults({ metric: 'event', eventType: 'liquidation', tags: ['x'] })).toEqual(['tags not_applicable']);
  });
});
