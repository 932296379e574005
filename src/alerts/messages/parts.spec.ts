import { describe, expect, it } from 'vitest';
import type { AlertMessage, NewDelivery } from '../../notifications/index.js';
import { inParts, summaryParts } from './parts.js';

const subjects = Array.from({ length: 300 }, (_, n) => ({ token: `token${n}`, text: 'ü📉'.repeat(20) }));

function summary(count: number, of: Partial<NewDelivery> = {}): NewDelivery {
  const data: AlertMessage = {
    alertId: 'a',
    ruleId: 'r',
    name: 'R',
    state: 'summary',
    type: 'gt',
    metric: 'price',
    priority: 'normal',
    message: 'R: many more',
    at: '2026-11-29T10:00:00.000Z',
    value: null,
    threshold: 1,
    explanation: { count, subjects: subjects.slice(0, count) },
  };
  const rest = { collapseKey: 'r', transitionId: 'a', expiresAt: new Date(0) };
  return {
    userId: 'ann',
    channel: 'webhook',
    target: 't',
    type: 'alert.summary',
    priority: 'normal',
    data,
    ...rest,
    ...of,
  };
}

describe('a summary message', () => {
  it('is split into several parts if its tokens do not fit into one message', () => {
    const parts = summaryParts(summary(300));
    expect(parts.length).toBeGreaterThan(1);
    for (const { data } of parts) expect(Buffer.byteLength(JSON.stringify(data))).toBeLessThan(19_000);
    const named = parts.flatMap(({ data }) => (data.explanation as { subjects: object[] }).subjects);
    expect(named).toEqual(subjects);
    expect(new Set(parts.map(({ transitionId }) => transitionId)).size).toBe(parts.length);
    expect(parts[1]?.data.message).toBe(`R: many more (part 2 of ${parts.length})`);
  });

  it('stays one message if it is short or is sent to Slack or by mail', () => {
    for (const one of [summary(20), summary(300, { format: 'slack' }), summary(300, { channel: 'email' })]) {
      expect(summaryParts(one)).toEqual([one]);
    }
  });
});

describe('a list split into parts', () => {
  it('has at least one part, and puts each oversized item into a part of its own', () => {
    expect(inParts([])).toEqual([[]]);
    const large = { text: 'x'.repeat(40_000) };
    expect(inParts([large, { text: 'y' }, large])).toEqual([[large], [{ text: 'y' }], [large]]);
  });
});
