import { describe, expect, it } from 'vitest';
import type { Condition, LeafReading } from '../core/index.js';
import { sentenceOf, type StatedCondition } from './sentence.js';
import { summarySubjects } from './summary.js';

const price: Condition = { metric: 'price', operator: 'gt', threshold: 5 };
const nothing: LeafReading = {
  condition: 0,
  holds: false,
  protocol: null,
  chain: null,
  token: null,
  value: null,
  current: null,
  previous: null,
  reference: null,
  referenceAt: null,
  observedAt: null,
};
const summary = { rule: 'r', state: 'summary', suppressed: 17, heldBack: [], heldMs: null } as const;
const fired = { rule: 'r', state: 'fired', suppressed: 0, heldBack: [], heldMs: 0 } as const;

describe('the sentence of a fired alert', () => {
  const cases: [StatedCondition['metric'], number, number, string][] = [
    ['price', 1.0004, 1, 'Price is $1.0004, above $1.0000'],
    ['price', 66_933.25, 60_000, 'Price is $66,933.25, above $60,000.00'],
    ['price', 0.000012345678, 0.000012345, 'Price is $0.0000123457, above $0.000012345'],
    ['price', 1.0061, 1.002, 'Price is $1.006, above $1.002'],
    ['price', 1.5e-9, 1e-9, 'Price is $0.0000000015, above $0.000000001'],
    ['tvl', 10_001_000, 10_000_000, 'TVL is $10.001 M, above $10.000 M'],
    ['tvl', 14_550_000, 10_000_000, 'TVL is $14.55 M, above $10.00 M'],
    ['change_1h', 0.100001, 0.1, 'Change over 1 h is 10.0001 %, above 10 %'],
    ['points', 1_000_002, 1_000_000, 'Points is 1,000,002, above 1,000,000'],
  ];
  it.each(cases)('shows %s %d with enough digits to differ from the threshold %d', (metric, value, threshold, text) => {
    const condition = { metric, operator: 'gt', threshold } as StatedCondition;
    const reading = { ...nothing, holds: true, value, current: value };
    expect(sentenceOf({ ...fired, conditions: [condition], readings: [reading] })).toBe(`r: ${text}`);
  });

  const backs: [StatedCondition, number, string][] = [
    [price, 4.6, 'is $4.60, back from above $5.00 but within the hysteresis'],
    [price, 5, 'is $5, back from above $5 but within the hysteresis'],
    [{ ...price, operator: 'gte' }, 5 - 1e-10, 'is $4.9999999999, at or above $5.0000000000'],
    [{ ...price, operator: 'lt' }, 5.2, 'is $5.20, back from below $5.00 but within the hysteresis'],
    [
      { ...price, operator: 'lt', negated: true },
      4.9,
      'is $4.90, back from at or above $5.00 but within the hysteresis',
    ],
  ];
  it.each(backs)('mentions hysteresis if only hysteresis keeps the condition true: %o at %d', (...back) => {
    const [condition, value, text] = back;
    const reading = { ...nothing, holds: true, value, current: value };
    expect(sentenceOf({ ...fired, conditions: [condition], readings: [reading] })).toBe(`r: Price ${text}`);
  });

  it('shows the earlier value and its time for a change within a time window', () => {
    const condition: Condition = { metric: 'tvl', operator: 'change_pct', threshold: -0.1, timeWindow: 3_600 };
    const reading = {
      ...nothing,
      holds: true,
      protocol: 'aave-v3',
      value: -0.12,
      current: 880,
      reference: 1_000,
      referenceAt: Date.UTC(2026, 10, 29, 17, 55, 12),
    };
    expect(sentenceOf({ ...fired, conditions: [condition], readings: [reading] })).toBe(
      'r: TVL of aave-v3 fell 12 % within 1 h to $880, from $1,000 at 2026-11-29 17:55 UTC',
    );
  });

  it('says that an unmoved value did not change, rather than that it rose', () => {
    const condition: Condition = { metric: 'tvl', operator: 'change_pct', threshold: 0.1, timeWindow: 3_600 };
    const at = Date.UTC(2026, 10, 29, 17, 55, 12);
    const reading = { ...nothing, protocol: 'aave-v3', value: 0, current: 880, reference: 880, referenceAt: at };
    const resolved = { ...fired, state: 'resolved', conditions: [condition] } as const;
    expect(sentenceOf({ ...resolved, readings: [reading] })).toBe(
      'r: resolved, TVL of aave-v3 did not change within 1 h: it is $880 as at 2026-11-29 17:55 UTC (it held for 0 s)',
    );
    expect(sentenceOf({ ...resolved, readings: [{ ...reading, referenceAt: null }], heldMs: null })).toBe(
      'r: resolved, TVL of aave-v3 did not change within 1 h: it is $880',
    );
  });

  it('shows the compared field of an event, with its value when known', () => {
    const event: Condition = {
      metric: 'event',
      eventType: 'liquidation',
      field: 'amountUsd',
      operator: 'gt',
      threshold: 1e6,
    };
    const reading = { ...nothing, holds: true, protocol: 'aave-v3' };
    expect(sentenceOf({ ...fired, conditions: [event], readings: [reading] })).toBe(
      'r: liquidation of aave-v3, amountUsd above $1 M',
    );
    expect(sentenceOf({ ...fired, conditions: [event], readings: [{ ...reading, value: 5_250_000 }] })).toBe(
      'r: liquidation of aave-v3, amountUsd is $5.25 M, above $1.00 M',
    );
    const text: Condition = { ...event, field: 'kind', operator: 'ne', threshold: 'partial' };
    expect(sentenceOf({ ...fired, conditions: [text], readings: [reading] })).toBe(
      'r: liquidation of aave-v3, kind not partial',
    );
  });

  it('names every condition that holds', () => {
    const volume: Condition = { metric: 'volume_24h', operator: 'gt', threshold: 1e6 };
    const event: Condition = { metric: 'event', eventType: 'liquidation' };
    const readings = [
      { ...nothing, holds: true, token: 'bitcoin', value: 6 },
      { ...nothing, condition: 1, holds: true, token: 'bitcoin', value: 2.5e6 },
      { ...nothing, condition: 2, holds: true, protocol: 'aave-v3' },
    ];
    expect(sentenceOf({ ...fired, conditions: [price, volume, event], readings })).toBe(
      'r: Price of bitcoin is $6, above $5, and Volume of 24 h of bitcoin is $2.50 M, above $1.00 M, and liquidation of aave-v3',
    );
  });
});

describe('the sentence of a resolved alert', () => {
  it('names the condition that no longer holds and how long it held', () => {
    const volume: Condition = { metric: 'volume_24h', operator: 'gt', threshold: 1e6 };
    const readings = [
      { ...nothing, token: 'bitcoin', value: 4 },
      { ...nothing, condition: 1, holds: true, token: 'bitcoin', value: 2e6 },
    ];
    const resolved = { ...fired, state: 'resolved', heldMs: 5_400_000 } as const;
    expect(sentenceOf({ ...resolved, conditions: [price, volume], readings })).toBe(
      'r: resolved, Price of bitcoin is $4, no longer above $5 (it held for 1 h 30 min)',
    );
    const choice = { ...price, optional: true };
    expect(sentenceOf({ ...resolved, conditions: [choice], readings: readings.slice(0, 1), heldMs: null })).toBe(
      'r: resolved, Price of bitcoin is $4, not above $5',
    );
  });

  it('names the lost category or tag if the value still satisfies the condition', () => {
    const left = (condition: StatedCondition, value: number): string => {
      const readings = [{ ...nothing, protocol: 'aave-v3', value, current: 4_000 }];
      return sentenceOf({ ...fired, state: 'resolved', heldMs: 1_000, conditions: [condition], readings });
    };
    const lending: Condition = { metric: 'tvl', operator: 'gt', threshold: 2_500, categories: ['Lending'] };
    const held = '(it held for 1 s)';
    expect(left(lending, 4_000)).toBe(
      `r: resolved, TVL of aave-v3 is $4,000, and it is in no category of the rule any more ${held}`,
    );
    expect(left(lending, 2_000)).toBe(`r: resolved, TVL of aave-v3 is $2,000, no longer above $2,500 ${held}`);
    const fall: Condition = { metric: 'tvl', operator: 'change_pct', threshold: -0.1, tags: ['x'] };
    expect(left(fall, -0.2)).toBe(
      `r: resolved, TVL of aave-v3 fell 20 % to $4,000, and it has no tag of the rule any more ${held}`,
    );
    expect(left(fall, 0.2)).toBe(`r: resolved, TVL of aave-v3 rose 20 % to $4,000 ${held}`);
  });

  it('states that the value is now at the threshold if the condition excluded that value', () => {
    const peg = { metric: 'price', operator: 'ne', threshold: 1 } as const;
    const resolution = (condition: StatedCondition): string => {
      const readings = [{ ...nothing, token: 'usd-coin', value: 1 }];
      return sentenceOf({ ...fired, state: 'resolved', heldMs: null, conditions: [condition], readings });
    };
    expect(resolution(peg)).toBe('r: resolved, Price of usd-coin is $1, now at $1');
    expect(resolution({ ...peg, operator: 'eq', negated: true })).toBe(
      'r: resolved, Price of usd-coin is $1, now at $1',
    );
    expect(resolution({ ...peg, optional: true })).toBe('r: resolved, Price of usd-coin is $1, at $1');
    expect(resolution({ ...peg, negated: true })).toBe('r: resolved, Price of usd-coin is $1, no longer at $1');
  });
});

describe('the sentence of an alert resolved by an edit', () => {
  it('names the edit and the current value, without a comparison', () => {
    const edited = { ...fired, state: 'resolved', heldMs: null, edited: true, conditions: [price] } as const;
    for (const holds of [true, false]) {
      const readings = [{ ...nothing, holds, token: 'bitcoin', value: 4 }];
      expect(sentenceOf({ ...edited, readings })).toBe('r: resolved by an edit of the rule, Price of bitcoin is $4');
    }
  });
});

describe('the sentence of an alert summary', () => {
  it('shows the current value if the rule is about a single token', () => {
    const reading = { ...nothing, holds: true, token: 'bitcoin', value: 6, current: 6 };
    const conditions = [{ ...price, token: 'bitcoin' }];
    expect(sentenceOf({ ...summary, conditions, readings: [reading] })).toBe(
      'r: 17 times more since the last message; now Price of bitcoin is $6, above $5',
    );
  });

  it('shows no value if the rule is about every token or about events', () => {
    const short = 'r: 17 times more since the last message';
    expect(sentenceOf({ ...summary, conditions: [price], readings: [nothing] })).toBe(short);
    expect(sentenceOf({ ...summary, conditions: [price], readings: [] })).toBe(short);
    const event: Condition = { metric: 'event', eventType: 'liquidation', protocol: 'aave-v3' };
    const reading = { ...nothing, holds: true, protocol: 'aave-v3' };
    expect(sentenceOf({ ...summary, conditions: [event], readings: [reading] })).toBe(short);
  });

  it('lists alerts suppressed before an edit of the rule under their old token', () => {
    const ether = { ...nothing, instanceKey: 'token=ether', token: 'ether', value: 7, at: 0, times: 1 };
    const heldBack = [ether];
    const conditions = [{ ...price, token: 'bitcoin' }];
    const reading = { ...nothing, token: 'bitcoin', value: 6, holds: true };
    expect(sentenceOf({ ...summary, suppressed: 1, heldBack, conditions, readings: [reading] })).toBe(
      'r: once more since the last message: ether $7',
    );
    const events: Condition = {
      metric: 'event',
      eventType: 'liquidation',
      field: 'amountUsd',
      operator: 'gt',
      threshold: 1,
    };
    const happened = [5_000, 6_000].map((value) => ({ ...ether, protocol: 'aave-v3', token: null, value }));
    expect(
      sentenceOf({ ...summary, suppressed: 2, heldBack: happened, conditions: [events], readings: [nothing] }),
    ).toBe('r: 2 times more since the last message: liquidation of aave-v3 $6,000, liquidation of aave-v3 $5,000');
  });

  it('lists every change with its size, even if the rule is about a single token', () => {
    const move: Condition = { token: 'ether', metric: 'price', operator: 'change_pct', threshold: 0.1 };
    const reading = { ...nothing, holds: true, token: 'ether', value: 0.19, current: 119, reference: 100 };
    const heldBack = [-0.13, 0.2, 0.19].map((value) => ({ ...reading, instanceKey: '', at: 0, times: 1, value }));
    expect(sentenceOf({ ...summary, suppressed: 3, heldBack, conditions: [move], readings: [reading] })).toBe(
      'r: 3 times more since the last message: ether 20 %, ether 19 %, ether −13 %',
    );
    const alike = Array.from({ length: 40 }, (_, n) => ({
      ...reading,
      instanceKey: '',
      at: 0,
      times: 1,
      value: 9 - (n >> 1) / 10,
    }));
    const sentence = sentenceOf({
      ...summary,
      suppressed: 40,
      heldBack: alike,
      conditions: [move],
      readings: [reading],
    });
    const [, names = '', more] = /: (ether .*) and (\d+) more$/.exec(sentence) ?? [];
    expect(2 * names.split(', ').length + Number(more)).toBe(40);
  });

  it('lists protocols with their values, starting with the largest change', () => {
    const at = Date.UTC(2026, 10, 29, 17, 55, 12);
    const held = (protocol: string, value: number | null, count = 1) => ({
      instanceKey: `protocol=${protocol}`,
      protocol,
      chain: 'ethereum',
      token: null,
      value,
      at,
      times: count,
    });
    const fall: Condition = { metric: 'tvl', operator: 'change_pct', threshold: -0.1, timeWindow: 3_600 };
    const heldBack = [held('aave-v3', -0.21), held('curve', -0.9, 2), held('lido', -0.5)];
    const statement = { ...summary, suppressed: 4, heldBack, conditions: [fall], readings: [] };
    expect(sentenceOf(statement)).toBe(
      'r: 4 times more since the last message: curve on ethereum −90 %, lido on ethereum −50 %, aave-v3 on ethereum −21 %',
    );
    expect(sentenceOf({ ...statement, suppressed: 9 })).toMatch(/ −21 % and 5 more$/);
    expect(summarySubjects(heldBack, fall)[0]).toEqual({
      protocol: 'curve',
      chain: 'ethereum',
      value: -0.9,
      at: '2026-11-29T17:55:12.000Z',
      times: 2,
      text: 'curve on ethereum −90 % at 2026-11-29 17:55:12 UTC, 2 times',
    });
    const many = Array.from({ length: 60 }, (_, n) => held(`protocol-${n}`, -n / 60));
    const long = sentenceOf({ ...statement, suppressed: 60, heldBack: many });
    expect(long).toMatch(/: protocol-59 on ethereum −98\.33 %, .* and 5\d more$/);
    expect(long.length).toBeLessThan(260);
    const event: Condition = { metric: 'event', eventType: 'liquidation' };
    const events = {
      ...statement,
      conditions: [event],
      suppressed: 2,
      heldBack: [held('aave-v3', null), held('lido', null)],
    };
    expect(sentenceOf(events)).toBe(
      'r: 2 times more since the last message: liquidation of aave-v3 on ethereum, liquidation of lido on ethereum',
    );
  });
});
