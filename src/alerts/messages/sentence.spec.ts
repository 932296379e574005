import { describe, expect, it } from 'vitest';
import type { Condition, LeafReading } from '../core/index.js';
import { sentenceOf, type ToldCondition } from './sentence.js';

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
const summary = { rule: 'r', state: 'summary', suppressed: 17 } as const;

describe('the sentence of a firing', () => {
  const fired = { rule: 'r', state: 'fired', suppressed: 0 } as const;
  const cases: [ToldCondition['metric'], number, number, string][] = [
    ['price', 1.0004, 1, 'Price is $1.0004, above $1.0000'],
    ['price', 66_933.25, 60_000, 'Price is $66,933.25, above $60,000.00'],
    ['price', 0.000012345678, 0.000012345, 'Price is $0.0000123457, above $0.000012345'],
    ['tvl', 10_001_000, 10_000_000, 'TVL is $10.001 M, above $10.000 M'],
    ['tvl', 14_550_000, 10_000_000, 'TVL is $14.55 M, above $10.00 M'],
    ['change_1h', 0.100001, 0.1, 'Change over 1 h is 10.0001 %, above 10 %'],
    ['points', 1_000_002, 1_000_000, 'Points is 1000002, above 1000000'],
  ];
  it.each(cases)('tells %s %d apart from what it passed, %d', (metric, value, threshold, text) => {
    const condition = { metric, operator: 'gt', threshold } as ToldCondition;
    const reading = { ...nothing, holds: true, value, current: value };
    expect(sentenceOf({ ...fired, condition, reading })).toBe(`r: ${text}`);
  });
});

describe('the sentence of a summary', () => {
  it('says how things are now where the rule is about one thing', () => {
    const reading = { ...nothing, holds: true, token: 'bitcoin', value: 6, current: 6 };
    expect(sentenceOf({ ...summary, condition: { ...price, token: 'bitcoin' }, reading })).toBe(
      'r: 17 times more since the last message; now Price of bitcoin is $6.00, above $5.00',
    );
  });

  it('speaks of no value where the rule is about every token, or about events', () => {
    const short = 'r: 17 times more since the last message';
    expect(sentenceOf({ ...summary, condition: price, reading: nothing })).toBe(short);
    expect(sentenceOf({ ...summary, condition: price, reading: undefined })).toBe(short);
    const event: Condition = { metric: 'event', eventType: 'liquidation', protocol: 'aave-v3' };
    expect(sentenceOf({ ...summary, condition: event, reading: { ...nothing, protocol: 'aave-v3' } })).toBe(short);
  });
});
