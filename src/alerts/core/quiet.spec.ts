import { describe, expect, it } from 'vitest';
import { aLogEvent } from '../../../test/support/data/log-event.js';
import { Evaluator } from './evaluator.js';
import type { MarketRow } from './market-row.js';
import type { Condition, RuleDefinition } from './rule/rule.js';
import type { Transition } from './transition.js';

const START = 1_760_000_000_000;
const SECOND = 1_000;
const MINUTE = 60;

function price(
  current: number,
  seconds: number,
  { token = 'bitcoin', lag = 0, volume24h = null as number | null } = {},
) {
  const loggedAt = START + seconds * SECOND;
  const observedAt = loggedAt - lag * SECOND;
  return aLogEvent({ type: 'price_change', token, current, volume24h, observedAt }, loggedAt);
}

function rule(extra: Partial<RuleDefinition> = {}): RuleDefinition {
  return {
    ruleId: 'rule',
    version: 1,
    conditions: [{ token: 'bitcoin', metric: 'price', operator: 'gt', threshold: 100 }],
    mode: 'crossing',
    throttleMinutes: 0,
    throttleScope: 'subject',
    hysteresis: 0,
    forSeconds: 0,
    notifyResolved: true,
    ...extra,
  };
}

const at = (seconds: number): Date => new Date(START + seconds * SECOND);

/** Transitions of an evaluator at each step: reason, silence, and subject. */
class Run {
  readonly evaluator = new Evaluator();

  constructor(private held: RuleDefinition) {
    this.evaluator.addRule(held);
  }

  row(...given: Parameters<typeof price>): string[] {
    return this.evaluator.apply(price(...given)).map(named);
  }

  tick(seconds: number): string[] {
    return this.evaluator.tick(START + seconds * SECOND).map(named);
  }

  edit(extra: Partial<RuleDefinition>, seconds: number): string[] {
    this.held = { ...this.held, ...extra, version: this.held.version + 1 };
    return this.evaluator.updateRule(this.held, START + seconds * SECOND).map(named);
  }
}

function named({ reason, silenced, instanceKey, to }: Transition): string {
  const subject = instanceKey === '' ? '' : ` ${instanceKey}`;
  return `${reason}${silenced ? ` (${silenced})` : reason.startsWith('after') ? ` ${to}` : ''}${subject}`;
}

describe('the throttle of a rule', () => {
  const fall: Condition = { metric: 'price', operator: 'change_pct', threshold: -0.2 };

  it('applies to each token separately, so that every token has its own alert and summary', () => {
    const run = new Run(rule({ conditions: [fall], mode: 'while_true', throttleMinutes: 5 }));
    for (const token of ['a', 'b', 'c']) run.row(100, 0, { token });
    expect(run.row(79, 1, { token: 'a' })).toEqual(['first_fire token=a']);
    expect(run.row(50, 2, { token: 'b' })).toEqual(['first_fire token=b']);
    expect(run.row(10, 3, { token: 'c' })).toEqual(['first_fire token=c']);
    expect([run.row(90, 4, { token: 'c' }), run.row(30, 5, { token: 'c' })]).toEqual([
      ['resolved token=c'],
      ['first_fire (throttled) token=c'],
    ]);
    expect(run.tick(302)).toEqual([]);
    const summary = run.evaluator.tick(START + 303 * SECOND);
    expect(summary.map(named)).toEqual(['throttle_summary token=c']);
    expect(summary[0]).toMatchObject({ suppressed: 1, heldBack: [{ token: 'c', value: -2 / 3, times: 1 }] });
  });

  it('lists every suppressed token in one summary, if the scope is `rule`', () => {
    const wide = { conditions: [fall], mode: 'while_true', throttleMinutes: 5, throttleScope: 'rule' } as const;
    const run = new Run(rule(wide));
    for (const token of ['a', 'b', 'c']) run.row(100, 0, { token });
    expect(run.row(79, 1, { token: 'a' })).toEqual(['first_fire token=a']);
    expect(run.row(10, 2, { token: 'b' })).toEqual(['first_fire (throttled) token=b']);
    expect(run.row(50, 3, { token: 'c' })).toEqual(['first_fire (throttled) token=c']);
    const [summary] = run.evaluator.tick(START + 301 * SECOND);
    expect(summary).toMatchObject({ reason: 'throttle_summary', instanceKey: '', suppressed: 2 });
    expect(summary?.heldBack).toMatchObject([
      { token: 'b', value: -0.9 },
      { token: 'c', value: -0.5 },
    ]);
    // The owner was notified of these firings, so their resolutions are sent.
    expect(run.row(11, 302, { token: 'b' })).toEqual(['resolved token=b']);
  });

  it('marks tokens in the summary whose alert has ended, if the scope is `rule`', () => {
    const level = { metric: 'price', operator: 'gt', threshold: 100 } as const;
    const wide = { conditions: [level], mode: 'while_true', throttleMinutes: 5, throttleScope: 'rule' } as const;
    const run = new Run(rule(wide));
    for (const [n, token] of ['a', 'b', 'c'].entries()) run.row(110 + n, n, { token });
    run.row(90, 5, { token: 'b' });
    const [summary] = run.evaluator.tick(START + 301 * SECOND);
    expect(summary?.heldBack.map(({ token, ended = false }) => [token, ended])).toEqual([
      ['b', true],
      ['c', false],
    ]);
  });

  it('lasts until the summary is sent, so that the summary lists every suppressed alert', () => {
    const wide = { conditions: [fall], mode: 'while_true', throttleMinutes: 5, throttleScope: 'rule' } as const;
    const run = new Run(rule(wide));
    for (const token of ['a', 'b', 'c']) run.row(100, 0, { token });
    expect(run.row(79, 1, { token: 'a' })).toEqual(['first_fire token=a']);
    expect(run.row(10, 2, { token: 'b' })).toEqual(['first_fire (throttled) token=b']);
    expect(run.row(50, 302, { token: 'c' })).toEqual(['first_fire (throttled) token=c']);
    expect(run.row(40, 303, { token: 'a' })).toEqual(['repeat (throttled) token=a']);
    const [summary] = run.evaluator.tick(START + 310 * SECOND);
    expect(summary?.heldBack.map(({ token }) => token)).toEqual(['b', 'c', 'a']);
  });

  it('does not count from a message that a clock ahead of time made, once the clock is set back', () => {
    for (const throttleMinutes of [0, 5]) {
      const run = new Run(rule({ throttleMinutes, mode: 'while_true' }));
      run.row(90, 7_190);
      expect(run.row(110, 7_200)).toHaveLength(1);
      run.row(90, 7_201);
      expect(run.row(110, 20)).toEqual(['first_fire']);
      run.row(90, 21);
      expect(run.row(110, 22)).toEqual([throttleMinutes === 0 ? 'first_fire' : 'first_fire (throttled)']);
    }
  });

  it('lists every suppressed change, but nothing for a value that stays above the threshold', () => {
    const moves = new Run(rule({ conditions: [{ ...fall, token: 'a' }], mode: 'while_true', throttleMinutes: 5 }));
    const prices = [100, 80, 40, 41, 20, 10];
    const notified = prices.map((price, n) => moves.row(price, n, { token: 'a' }));
    expect(notified).toEqual([
      [],
      ['first_fire'],
      ['repeat (throttled)'],
      ['resolved'],
      ['first_fire (throttled)'],
      ['first_fire (throttled)'],
    ]);
    const [summary] = moves.evaluator.tick(START + 310 * SECOND);
    expect(summary).toMatchObject({ reason: 'throttle_summary', suppressed: 3 });
    expect(summary?.heldBack.map(({ value, times }) => [value?.toFixed(2), times])).toEqual([
      ['-0.50', 1],
      ['-0.51', 1],
      ['-0.50', 1],
    ]);
    const level = new Run(rule({ mode: 'while_true', throttleMinutes: 5 }));
    expect([110, 120, 130].map((price, n) => level.row(price, n))).toEqual([['first_fire'], [], []]);
  });

  it('includes tokens in the summary that met the condition at rule creation or snooze end', () => {
    const whole = rule({
      conditions: [{ metric: 'price', operator: 'gt', threshold: 100 }],
      mode: 'while_true',
      throttleMinutes: 1,
      throttleScope: 'rule',
    });
    const names = (transitions: readonly Transition[]): unknown =>
      transitions
        .filter(({ reason }) => reason === 'throttle_summary')
        .map(({ heldBack }) => heldBack.map((held) => held.token));
    const made = new Evaluator();
    for (const token of ['a', 'b', 'c']) made.apply(price(110, 0, { token }));
    made.addRule(whole);
    expect(made.tick(START + 10_000).map(named)).toEqual([
      'first_fire token=a',
      'first_fire (throttled) token=b',
      'first_fire (throttled) token=c',
    ]);
    made.apply(price(120, 20, { token: 'd' }));
    expect(names(made.tick(START + 70_000))).toEqual([['b', 'c', 'd']]);

    const snoozed = new Evaluator();
    snoozed.addRule({ ...whole, snoozedUntil: at(30) });
    snoozed.apply(price(110, 0, { token: 'z' }));
    for (const token of ['a', 'b']) snoozed.apply(price(110, 1, { token }));
    snoozed.tick(START + 30_000);
    expect(names(snoozed.tick(START + 90_000))).toEqual([['b', 'z']]);
  });

  it('counts suppressed events one by one and records the protocol of each event', () => {
    const run = new Run(
      rule({ conditions: [{ metric: 'event', eventType: 'liquidation' }], mode: 'while_true', throttleMinutes: 5 }),
    );
    const event = (protocol: string, seconds: number): Transition[] =>
      run.evaluator.apply({ ...price(0, seconds), type: 'liquidation', token: null, current: null, protocol });
    expect(event('aave', 0).map(named)).toEqual(['first_fire']);
    expect(event('aave', 1).map(named)).toEqual(['first_fire (throttled)']);
    expect(event('morpho', 2).map(named)).toEqual(['first_fire (throttled)']);
    const [summary] = run.evaluator.tick(START + 300 * SECOND);
    expect(summary?.heldBack.map(({ protocol }) => protocol)).toEqual(['aave', 'morpho']);
  });
});

describe('the end of a snooze', () => {
  it('reports a resolution that happened during the snooze once, at the next timer tick', () => {
    const run = new Run(rule());
    expect([run.row(90, 0), run.row(110, 1)]).toEqual([[], ['first_fire']]);
    run.edit({ snoozedUntil: at(MINUTE) }, 2);
    expect(run.row(80, 3)).toEqual(['resolved (snoozed)']);
    expect(run.tick(50)).toEqual([]);
    expect([run.tick(60), run.tick(70), run.row(81, 71)]).toEqual([['after_snooze ok'], [], []]);
  });

  it('reports once a crossing during the snooze if the value is still past the threshold', () => {
    const run = new Run(rule({ snoozedUntil: at(MINUTE) }));
    expect([run.row(90, 0), run.row(110, 1)]).toEqual([[], ['first_fire (snoozed)']]);
    expect([run.tick(60), run.row(111, 61), run.tick(70)]).toEqual([['after_snooze firing'], [], []]);
    expect(run.row(99, 71)).toEqual(['resolved']);
  });

  it('reports nothing if the state is the same as before the snooze', () => {
    const run = new Run(rule({ snoozedUntil: at(MINUTE) }));
    for (const [seconds, value] of [90, 110, 90].entries()) run.row(value, seconds);
    expect(run.tick(60)).toEqual([]);
    expect(run.row(110, 61)).toEqual(['first_fire']);
    run.edit({ snoozedUntil: at(120) }, 62);
    expect([run.row(90, 63), run.row(110, 64), run.tick(120)]).toEqual([
      ['resolved (snoozed)'],
      ['first_fire (snoozed)'],
      [],
    ]);
    expect(run.row(90, 121)).toEqual(['resolved']);
  });

  it('reports the current state at the next timer tick if the snooze is ended early', () => {
    const run = new Run(rule({ snoozedUntil: at(3_600) }));
    for (const [seconds, value] of [90, 110].entries()) run.row(value, seconds);
    expect(run.edit({ snoozedUntil: null }, 5)).toEqual([]);
    expect([run.tick(10), run.tick(20)]).toEqual([['first_fire'], []]);
  });

  it('reports a resolution during the snooze even if the evaluator was restarted', () => {
    const before = new Run(rule());
    for (const [seconds, value] of [90, 110].entries()) before.row(value, seconds);
    before.edit({ snoozedUntil: at(MINUTE) }, 2);
    before.row(80, 3);
    const saved = before.evaluator.savedState('rule');
    const after = new Evaluator();
    after.seed([{ metric: 'price', protocol: null, chain: null, token: 'bitcoin', value: 80, at: START }], START);
    after.addRule(rule({ version: 2, snoozedUntil: at(MINUTE) }), saved);
    expect(after.tick(START + 60 * SECOND).map(named)).toEqual(['after_snooze ok']);
  });
});

describe('a stale value', () => {
  it('does not use up a threshold crossing: the next fresh value fires', () => {
    const run = new Run(rule());
    expect([run.row(90, 0), run.row(110, 1, { lag: 4_000 }), run.row(111, 2), run.row(112, 3)]).toEqual([
      [],
      [],
      ['first_fire'],
      [],
    ]);
  });
});

describe('the handling of oscillation around a threshold', () => {
  it('reports the final state once after three minutes without a change', () => {
    const run = new Run(rule());
    run.row(90, 0);
    const swings = Array.from({ length: 18 }, (_, n) => run.row(n % 2 === 0 ? 110 : 90, 4 + 4 * n)).flat();
    expect(swings.slice(0, 16).every((one) => one === 'first_fire' || one === 'resolved')).toBe(true);
    expect(swings.slice(16)).toEqual(['first_fire (flapping)']);
    expect(run.row(110, 76)).toEqual(['first_fire (flapping)']);
    expect([run.tick(250), run.tick(256), run.tick(266), run.row(111, 267)]).toEqual([
      [],
      ['after_flapping firing'],
      [],
      [],
    ]);
  });

  it('reports nothing after the oscillation if the last message is still true', () => {
    const run = new Run(rule());
    run.row(90, 0);
    for (let n = 0; n < 18; n += 1) run.row(n % 2 === 0 ? 110 : 90, 4 + 4 * n);
    expect([run.tick(250), run.tick(400)]).toEqual([[], []]);
    expect(run.row(110, 401)).toEqual(['first_fire']);
  });

  it('adds a notice to the last message before further messages are suppressed', () => {
    const run = new Run(rule());
    run.row(90, 0);
    const notices = Array.from({ length: 18 }, (_, n) =>
      run.evaluator.apply(price(n % 2 === 0 ? 110 : 90, 4 + 4 * n)).map(({ flapNotice }) => flapNotice),
    ).flat();
    expect(notices.indexOf(true)).toBe(15);
    expect(notices.lastIndexOf(true)).toBe(15);
  });

  it('ignores the end of a firing that was never reported', () => {
    const evaluator = new Evaluator({ flapLimits: { changes: 1, windowMs: 15 * SECOND } });
    evaluator.addRule(rule());
    const notices = (...rows: MarketRow[]): string[] =>
      rows.flatMap((row) => evaluator.apply(row).map(({ reason, flapNotice }) => `${reason} ${flapNotice}`));
    expect(notices(price(90, 0), price(110, 1), price(90, 2))).toEqual(['first_fire false', 'resolved true']);
    expect(notices(price(110, 20, { lag: 100 * MINUTE }), price(90, 21))).toEqual([]);
    expect(notices(price(110, 22), price(90, 23))).toEqual(['first_fire false', 'resolved true']);
  });
});

describe('a rule created or edited while its condition holds', () => {
  const level = (threshold: number): Condition[] => [{ token: 'bitcoin', metric: 'price', operator: 'gt', threshold }];

  it('fires once at the next timer tick, except in mode `crossing`', () => {
    for (const [mode, first] of [
      ['while_true', ['first_fire']],
      ['once', ['first_fire']],
      ['crossing', []],
    ] as const) {
      const evaluator = new Evaluator();
      evaluator.apply(price(110, 0));
      evaluator.addRule(rule({ mode }));
      expect([10, 20].map((seconds) => evaluator.tick(START + seconds * SECOND).map(named))).toEqual([first, []]);
    }
  });

  it('is resolved once, with reason `edited`, if the new condition does not hold', () => {
    const run = new Run(rule({ mode: 'while_true', throttleMinutes: 5 }));
    expect(run.row(110, 0)).toEqual(['first_fire']);
    expect(run.edit({ conditions: level(200) }, 1)).toEqual(['edited']);
    expect([run.tick(10), run.row(111, 11)]).toEqual([[], []]);
  });

  it('sends nothing and keeps its throttle if the new condition holds too', () => {
    const run = new Run(rule({ mode: 'while_true', throttleMinutes: 5 }));
    run.row(110, 0);
    expect(run.edit({ conditions: level(101) }, 1)).toEqual([]);
    expect([run.tick(10), run.row(111, 11), run.row(112, 299), run.row(113, 300)]).toEqual([[], [], [], ['repeat']]);
    expect(run.row(90, 301)).toEqual(['resolved']);
  });

  it('is not resolved by an edit if resolutions are off or the firing went unreported', () => {
    const silent = new Run(rule({ mode: 'while_true', notifyResolved: false }));
    silent.row(110, 0);
    expect(silent.edit({ conditions: level(200) }, 1)).toEqual([]);
    const snoozed = new Run(rule({ mode: 'while_true', snoozedUntil: at(100) }));
    snoozed.row(110, 0);
    expect(snoozed.edit({ conditions: level(200) }, 1)).toEqual([]);
  });

  it('is resolved for the old token and evaluated anew for the new token', () => {
    const run = new Run(rule({ mode: 'while_true', throttleMinutes: 5 }));
    run.row(3, 0, { token: 'ethereum' });
    run.row(110, 1);
    const other = { token: 'ethereum', metric: 'price', operator: 'gt', threshold: 2 } as const;
    const [resolved] = run.evaluator.updateRule({ ...rule(), mode: 'while_true', version: 2, conditions: [other] });
    expect(resolved).toMatchObject({ reason: 'edited', ruleVersion: 1, since: START + SECOND });
    expect(resolved?.readings).toMatchObject([{ token: 'bitcoin', value: 110, holds: true }]);
    const [fired] = run.evaluator.tick(START + 10 * SECOND);
    expect(fired).toMatchObject({ reason: 'first_fire', ruleVersion: 2, readings: [{ token: 'ethereum', value: 3 }] });
  });

  it('is resolved for every previous token when an edit changes its tokens or its metric', () => {
    const wide = [{ metric: 'price', operator: 'gt', threshold: 100 }] as const;
    const run = new Run(rule({ conditions: wide }));
    for (const token of ['bitcoin', 'ethereum']) {
      run.row(90, 0, { token });
      run.row(110, 1, { token, volume24h: 200 });
    }
    expect(run.edit({ conditions: level(100) }, 2)).toEqual(['edited token=bitcoin', 'edited token=ethereum']);
    expect(run.edit({ mode: 'while_true' }, 3)).toEqual([]);
    expect(run.tick(10)).toEqual(['first_fire']);
    const volume = [{ token: 'bitcoin', metric: 'volume_24h', operator: 'gt', threshold: 100 }] as const;
    expect(run.edit({ conditions: volume }, 11)).toEqual(['edited']);
    expect(run.tick(20)).toEqual(['first_fire']);
    expect(run.edit({ conditions: wide }, 21)).toEqual(['edited']);
  });

  it('reports after a snooze the resolution and the firing from an edit of the token', () => {
    const run = new Run(rule());
    run.row(3, 0, { token: 'ethereum' });
    for (const [seconds, value] of [90, 110].entries()) run.row(value, seconds);
    const other = [{ token: 'ethereum', metric: 'price', operator: 'gt', threshold: 2 }] as const;
    const snoozed = { conditions: other, snoozedUntil: at(MINUTE), mode: 'while_true' } as const;
    expect(run.edit(snoozed, 2)).toEqual(['resolved (snoozed)']);
    expect([run.row(120, 3), run.tick(50)]).toEqual([[], []]);
    expect([run.tick(60), run.tick(70)]).toEqual([['edited', 'after_snooze firing'], []]);
  });

  it('reports a resolution caused by an edit during a snooze when the snooze ends', () => {
    const run = new Run(rule());
    for (const [seconds, value] of [90, 110].entries()) run.row(value, seconds);
    expect(run.edit({ conditions: level(200), snoozedUntil: at(MINUTE) }, 2)).toEqual(['resolved (snoozed)']);
    expect(run.tick(60)).toEqual(['after_snooze ok']);
  });
});

describe('a rule in mode `once`', () => {
  it('fires again after it is rearmed, even if the condition still holds', () => {
    const run = new Run(rule({ mode: 'once' }));
    expect([run.row(110, 0), run.row(90, 1), run.row(111, 2), run.tick(10)]).toEqual([
      ['first_fire'],
      ['resolved'],
      [],
      [],
    ]);
    expect(run.edit({ armedVersion: 2 }, 11)).toEqual([]);
    expect([run.tick(20), run.row(112, 21), run.tick(30)]).toEqual([['first_fire'], [], []]);
    expect(run.edit({ name: 'other' } as Partial<RuleDefinition>, 31)).toEqual([]);
    expect(run.tick(40)).toEqual([]);
  });
});

describe('a metric missing from an update', () => {
  const volume: Condition = { token: 'bitcoin', metric: 'volume_24h', operator: 'gt', threshold: 1e6 };

  it('keeps its last value until that value is stale', () => {
    const run = new Run(rule({ conditions: [volume] }));
    expect(run.row(1, 0, { volume24h: 5e5 })).toEqual([]);
    expect(run.row(2, 1, { volume24h: 2e6 })).toEqual(['first_fire']);
    expect([run.row(3, 2), run.row(4, 3, { volume24h: 2.1e6 }), run.row(5, 3_603)]).toEqual([[], [], []]);
    expect(run.row(6, 3_604)).toEqual(['resolved']);
  });
});

describe('a value equal to its threshold except for floating-point noise', () => {
  const change = (operator: 'gt' | 'gte' | 'lt' | 'lte', threshold: number): Condition => ({
    token: 'bitcoin',
    metric: 'change_1h',
    operator,
    threshold,
  });
  const fires = (condition: Condition, from: number, to: number): boolean => {
    const run = new Run(rule({ conditions: [condition] }));
    run.row(from, -3_600);
    run.tick(0);
    return run.row(to, 1).length > 0;
  };

  it('counts as equal to the threshold for every operator', () => {
    const window = { token: 'bitcoin', metric: 'price', operator: 'change_pct', timeWindow: 3_600 } as const;
    expect(fires(change('gte', 0.1), 3, 3.3)).toBe(true);
    expect(fires({ ...window, threshold: 0.1 }, 3, 3.3)).toBe(true);
    expect(fires(change('lte', -0.1), 3, 2.7)).toBe(true);
    expect(fires(change('gt', 0.1), 3, 3.3)).toBe(false);
    expect(fires(change('lt', -0.1), 3, 2.7)).toBe(false);
    const level = { token: 'bitcoin', metric: 'price', threshold: 0.3 } as const;
    expect(fires({ ...level, operator: 'lte' }, 1, 0.1 + 0.2)).toBe(true);
    expect(fires({ ...level, operator: 'gt' }, 0.2, 0.1 + 0.2)).toBe(false);
    expect(fires({ ...level, operator: 'eq', tolerance: 0 }, 0.2, 0.1 + 0.2)).toBe(true);
    expect(fires({ ...level, operator: 'ne', tolerance: 0 }, 0.3, 0.1 + 0.2)).toBe(false);
    expect(fires({ ...level, operator: 'ne', tolerance: 0 }, 0.3, 0.31)).toBe(true);
  });
});

describe('a condition on a field of an event', () => {
  const large: Condition = {
    metric: 'event',
    eventType: 'liquidation',
    field: 'amountUsd',
    operator: 'gte',
    threshold: 1e6,
  };
  const event = (data: Record<string, unknown> | null): MarketRow => ({
    ...price(0, 0),
    type: 'liquidation',
    token: null,
    current: null,
    seq: 7,
    epoch: 'e',
    data,
  });
  const fires = (conditions: Condition[], data: Record<string, unknown> | null): boolean =>
    new Run(rule({ conditions })).evaluator.apply(event(data)).length > 0;

  it('holds only if the field exists and satisfies the numeric comparison', () => {
    expect([1e6, 2e6, '1500000', 999_999, 'much', null].map((amountUsd) => fires([large], { amountUsd }))).toEqual([
      true,
      true,
      true,
      false,
      false,
      false,
    ]);
    expect([fires([large], {}), fires([large], null)]).toEqual([false, false]);
  });

  it('compares text for equality and reads nested fields', () => {
    const asset = { ...large, field: 'collateral.asset', operator: 'eq', threshold: 'WETH' } as const;
    const data = { amountUsd: 2e6, collateral: { asset: 'WETH' } };
    expect([fires([asset], data), fires([{ ...asset, operator: 'ne' }], data)]).toEqual([true, false]);
    expect([fires([large, asset], data), fires([large, asset], { ...data, amountUsd: 1 })]).toEqual([true, false]);
    expect(fires([{ ...asset, operator: 'ne' }], {})).toBe(false);
  });

  it('includes the event and the compared number in the firing', () => {
    const [fired] = new Run(rule({ conditions: [large] })).evaluator.apply(event({ amountUsd: '1500000' }));
    expect(fired?.event).toMatchObject({ seq: 7, epoch: 'e', data: { amountUsd: '1500000' } });
    expect(fired?.readings).toMatchObject([{ value: 1_500_000 }]);
  });

  it('fires for each of the first 16 events, then lists further events in a summary', () => {
    const run = new Run(rule({ conditions: [large], mode: 'while_true' }));
    const happens = (n: number): Transition[] =>
      run.evaluator.apply({ ...event({ amountUsd: 1e6 + n }), loggedAt: START + n * SECOND });
    const first = Array.from({ length: 20 }, (_, n) => happens(n)).flat();
    expect(first.map(({ silenced }) => silenced)).toEqual([...Array(16).fill(null), ...Array(4).fill('throttled')]);
    expect(first[15]).toMatchObject({ flapNotice: true });
    expect(run.tick(190)).toEqual([]);
    const [summary] = run.evaluator.tick(START + 200 * SECOND);
    expect(summary?.heldBack.map(({ value }) => value)).toEqual([1_000_016, 1_000_017, 1_000_018, 1_000_019]);
    expect(happens(210)).toMatchObject([{ silenced: null, reason: 'first_fire' }]);
  });

  it('lists the 100 largest suppressed events in the summary in chronological order', () => {
    const run = new Run(rule({ conditions: [large], mode: 'while_true', throttleMinutes: 5 }));
    const amounts = Array.from({ length: 250 }, (_, n) => 1e6 + 1 + ((n * 77) % 250));
    for (const [n, amountUsd] of amounts.entries()) {
      run.evaluator.apply({ ...event({ amountUsd }), loggedAt: START + n * SECOND });
    }
    const [summary] = run.evaluator.tick(START + 301 * SECOND);
    const keptBack = amounts.slice(1);
    const named = new Set(keptBack.toSorted((one, other) => other - one).slice(0, 100));
    expect(summary?.suppressed).toBe(249);
    expect(summary?.heldBack.map(({ value }) => value)).toEqual(keptBack.filter((value) => named.has(value)));
  });
});
