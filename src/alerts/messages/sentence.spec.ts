import { describe, expect, it } from 'vitest';
import type { Condition, LeafReading } from '../core/index.js';
import { sentenceOf } from './sentence.js';

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
