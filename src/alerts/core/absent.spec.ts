import { describe, expect, it } from 'vitest';
import { aLogEvent } from '../../../test/support/data/log-event.js';
import { backtest } from './backtest.js';
import { checkRule } from './rule/check-rule.js';
import { Evaluator } from './evaluator.js';
import type { HistoryPoint, MarketRow } from './market-row.js';
import { parseConditions } from './rule/parse-conditions.js';
import type { Condition, RuleDefinition } from './rule/rule.js';
import type { Transition } from './transition.js';

const START = 1_760_000_000_000;
const MINUTE = 60_000;

const at = (minutes: number): number => START + minutes * MINUTE;

function price(token: string, minutes: number, lag = 0): MarketRow {
  const times = { loggedAt: at(minutes), observedAt: at(minutes - lag) };
  return aLogEvent({ type: 'price_change', token, current: 100, ...times });
}

function tvl(protocol: string, chain: string, minutes: number): MarketRow {
  return aLogEvent({ protocol, chain, current: 5 }, at(minutes));
}

function rule(conditions: Condition[], extra: Partial<RuleDefinition> = {}): RuleDefinition {
  return {
    ruleId: 'rule',
    version: 1,
    conditions,
    mode: 'while_true',
    throttleMinutes: 0,
    hysteresis: 0,
    forSeconds: 0,
    notifyResolved: true,
    createdAt: new Date(START),
    ...extra,
  };
}

const absent = { minutes: 30 };
const named = ({ reason, instanceKey }: Transition): string => `${reason} ${instanceKey}`.trim();

function running(conditions: Condition[], ...rows: MarketRow[]): Evaluator {
  const evaluator = new Evaluator();
  for (const row of rows) evaluator.apply(row);
  evaluator.addRule(rule(conditions));
  return evaluator;
}

describe('an alert rule for missing observations', () => {
  it('fires after 30 minutes without an observation and resolves with the next observation', () => {
    const evaluator = running([{ metric: 'price', token: 'bitcoin', absent }], price('bitcoin', 0));
    expect(evaluator.tick(at(29.9))).toEqual([]);
    const [fired] = evaluator.tick(at(30));
    expect(fired?.readings).toMatchObject([
      { token: 'bitcoin', value: 30, current: 100, observedAt: START, referenceAt: START },
    ]);
    expect(evaluator.tick(at(40))).toEqual([]);
    expect(evaluator.apply(price('bitcoin', 41)).map(named)).toEqual(['resolved']);
  });

  it('also counts observations reported directly, without a published event', () => {
    const evaluator = running([{ metric: 'price', token: 'bitcoin', absent }], price('bitcoin', 0));
    const [asked, ...others] = evaluator.unobserved(at(30));
    expect(others).toEqual([]);
    expect(asked).toEqual({ metric: 'price', protocol: null, chain: null, token: 'bitcoin' });
    if (asked) evaluator.observe([{ ...asked, at: at(20) }]);
    expect(evaluator.tick(at(30))).toEqual([]);
    expect(evaluator.tick(at(50)).map(named)).toEqual(['first_fire']);
    if (asked) evaluator.observe([{ ...asked, at: at(49.9) }]);
    expect(evaluator.tick(at(50.1)).map(named)).toEqual(['resolved']);
  });

  it('measures the gap from the time of observation, not from the time of publication', () => {
    const evaluator = running([{ metric: 'price', token: 'bitcoin', absent }], price('bitcoin', 0));
    evaluator.apply(price('bitcoin', 25, 24));
    expect(evaluator.tick(at(31)).map(named)).toEqual(['first_fire']);
    expect(evaluator.apply(price('bitcoin', 32, 31.5)).map(({ to }) => to)).not.toContain('ok');
  });

  it('covers a whole protocol, a single chain, or every chain or token observed so far', () => {
    const chains = [tvl('aave', 'ethereum', 0), tvl('aave', 'bsc', 20), tvl('aave', 'staking', 21)];
    const fired = (conditions: Condition[], minutes: number): string[] =>
      running(conditions, ...chains, price('bitcoin', 0), price('ethereum', 20))
        .tick(at(minutes))
        .map(named);
    expect(fired([{ metric: 'tvl', protocol: 'aave', absent }], 40)).toEqual([]);
    expect(fired([{ metric: 'tvl', protocol: 'aave', absent }], 50)).toEqual(['first_fire']);
    expect(fired([{ metric: 'tvl', protocol: 'aave', chain: 'ethereum', absent }], 40)).toEqual(['first_fire']);
    expect(fired([{ metric: 'tvl', chain: '*', absent }], 40)).toEqual(['first_fire protocol=aave,chain=ethereum']);
    expect(fired([{ metric: 'price', absent }], 40)).toEqual(['first_fire token=bitcoin']);
  });

  it('ignores the `all` total of a protocol once a chain value is known, even after a restart', () => {
    const late = { ...tvl('aave', 'ethereum', 60), observedAt: at(20) };
    const rows = [tvl('aave', 'all', 40), late, tvl('aave', 'all', 60), tvl('aave', 'all', 61)];
    const condition: Condition = { metric: 'tvl', absent };
    expect(
      running([condition], ...rows)
        .tick(at(61))
        .map(named),
    ).toEqual(['first_fire protocol=aave']);
    const restarted = new Evaluator();
    // Seeds the last two values of each key, so the total that was published first is missing.
    const last = rows.slice(1).map(({ protocol, chain, loggedAt, observedAt }): HistoryPoint => {
      return { metric: 'tvl', protocol, chain, token: null, value: 5, at: observedAt, loggedAt };
    });
    restarted.seed(last, at(60));
    restarted.addRule(rule([condition]));
    expect(restarted.tick(at(61)).map(named)).toEqual(['first_fire protocol=aave']);
  });

  it('fires 30 minutes after its creation for a named token that has never had a value', () => {
    const evaluator = running([{ metric: 'price', token: 'bitcoin', absent }]);
    expect([evaluator.tick(at(29)), evaluator.tick(at(30)).map(named)]).toEqual([[], ['first_fire']]);
    expect(evaluator.apply(price('bitcoin', 31)).map(named)).toEqual(['resolved']);
    expect(running([{ metric: 'price', absent }]).tick(at(99))).toEqual([]);
  });

  it('ignores a removed token, and resolves when the token is gone from the database', () => {
    const condition: Condition = { metric: 'price', token: 'bitcoin', absent };
    const removed = running([condition], price('bitcoin', 0));
    removed.apply({ ...price('bitcoin', 10), type: 'price_removed', current: null });
    expect(removed.tick(at(60))).toEqual([]);
    const firing = running([condition], price('bitcoin', 0));
    expect(firing.tick(at(30)).map(named)).toEqual(['first_fire']);
    firing.observe(firing.unobserved(at(31)).map((asked) => ({ ...asked, at: null })));
    expect(firing.tick(at(31)).map(named)).toEqual(['resolved']);
  });

  it('combines with other conditions and with `not`', () => {
    const high: Condition = { metric: 'price', token: 'ethereum', operator: 'gt', threshold: 50 };
    const both = running(
      [{ metric: 'price', token: 'bitcoin', absent }, high],
      price('bitcoin', 0),
      price('ethereum', 0),
    );
    expect(both.tick(at(30)).map(named)).toEqual(['first_fire']);
    const evaluator = new Evaluator();
    evaluator.apply(price('bitcoin', 0));
    evaluator.addRule(rule([], { where: { not: { metric: 'price', token: 'bitcoin', absent } } }));
    expect([evaluator.tick(at(1)).map(named), evaluator.tick(at(30)).map(named)]).toEqual([
      ['first_fire'],
      ['resolved'],
    ]);
  });

  it('fires and resolves in a backtest on published values', () => {
    const point: HistoryPoint = { metric: 'price', protocol: null, chain: null, token: 'bitcoin', value: 5, at: START };
    const later = { ...point, at: at(45) };
    const notified = backtest(rule([{ metric: 'price', token: 'bitcoin', absent }]), [point, later], {
      from: at(5),
      to: at(60),
    });
    expect(notified.map(({ reason, at: time }) => [reason, time])).toEqual([
      ['first_fire', at(30)],
      ['resolved', at(45)],
    ]);
  });

  it('allows only TVL or price, whole minutes in range, and no operator or threshold', () => {
    const faults = (condition: object): string[] => {
      const { conditions, errors } = parseConditions([condition], null);
      if (errors.length > 0) return errors.map(({ pointer, code }) => `${pointer} ${code}`);
      return checkRule(rule([...conditions])).errors.map(({ pointer, code }) => `${pointer} ${code}`);
    };
    expect(faults({ metric: 'price', token: 'bitcoin', absent })).toEqual([]);
    expect(faults({ metric: 'price', absent, operator: 'gt', threshold: 1 })).toEqual([
      '/conditions/0/operator not_applicable',
      '/conditions/0/threshold not_applicable',
    ]);
    expect(faults({ metric: 'volume_24h', absent })).toEqual(['/conditions/0/metric not_applicable']);
    expect(faults({ metric: 'tvl', absent: 30 })).toEqual(['/conditions/0/absent invalid_type']);
    expect(faults({ metric: 'tvl', absent: {} })).toEqual(['/conditions/0/absent/minutes required']);
    expect(faults({ metric: 'tvl', absent: { minutes: 1, hours: 1 } })).toEqual([
      '/conditions/0/absent/hours unknown_field',
    ]);
    for (const minutes of [0, 1.5, 43_201]) {
      expect(faults({ metric: 'tvl', absent: { minutes } })).toEqual(['/conditions/0/absent/minutes out_of_range']);
    }
    expect(faults({ metric: 'event', eventType: 'liquidation', absent })).toEqual([
      '/conditions/0/absent not_applicable',
    ]);
  });
});
