import { describe, expect, it } from 'vitest';
import type { AlertMessage, NewDelivery } from '../../notifications/index.js';
import { withoutRules } from '../../notifications/core/index.js';
import { groupStorms } from './storm.js';

const AT = '2026-11-29T10:00:00.000Z';

function delivery(n: number, more: Partial<AlertMessage> = {}, of: Partial<NewDelivery> = {}): NewDelivery {
  const data: AlertMessage = {
    alertId: `a${n}`,
    ruleId: 'r',
    name: 'Falls',
    state: 'fired',
    type: 'lt',
    message: `Falls: Price of token${n} is $${n}, below $100`,
    at: AT,
    priority: 'normal',
    token: `token${n}`,
    metric: 'price',
    value: n,
    threshold: 100,
    explanation: { reason: 'first_fire', conditions: [] },
    ...more,
  };
  return {
    userId: 'ann',
    channel: 'webhook',
    target: 'https://example.com/',
    type: data.state === 'resolved' ? 'alert.resolved' : 'alert.fired',
    data,
    priority: data.priority,
    collapseKey: data.alertId,
    expiresAt: new Date(0),
    ...of,
  };
}

const many = (count: number, more?: Partial<AlertMessage>, of?: Partial<NewDelivery>): NewDelivery[] =>
  Array.from({ length: count }, (_, n) => delivery(n + 1, more, of));

function listedIn(data: AlertMessage): AlertMessage[] {
  return (data.explanation as { alerts: AlertMessage[] }).alerts;
}

describe('a `storm` message for many simultaneous alerts', () => {
  it('lists alerts by priority and severity within a bounded length', () => {
    const { single, storms } = groupStorms(many(12, {}, { format: 'slack' }));
    expect([single.length, storms.length]).toEqual([0, 1]);
    const { data, type } = storms[0]!.delivery;
    expect(type).toBe('alert.summary');
    expect(data).toMatchObject({ name: '12 alerts fired', at: AT, type: 'storm' });
    expect(data.message).toMatch(/^12 alerts fired at once: token1 \$1, token2 \$2, .* token9 \$9, token10 \$10/);
    const long = groupStorms(many(60, { name: 'N'.repeat(255), token: 'x'.repeat(100) }, { channel: 'push' }));
    const { message } = long.storms[0]!.delivery.data;
    expect(message.length).toBeLessThan(250);
    const urgent = groupStorms([...many(12), delivery(99, { priority: 'high' })]);
    expect(listedIn(urgent.storms[0]!.delivery.data)[0]).toMatchObject({ token: 'token99' });
  });

  it('is not created for PagerDuty, where each token has its own incident', () => {
    const { single, storms } = groupStorms(many(30, {}, { target: 'pagerduty:…cdef' }));
    expect([single.length, storms.length]).toEqual([30, 0]);
  });

  it('states the number of alerts that are not listed', () => {
    const { storms } = groupStorms(many(60, {}, { channel: 'email' }));
    expect(storms[0]!.delivery.data.message).toMatch(/ and \d\d more$/);
  });

  it('covers either fired or resolved alerts, and no critical alerts', () => {
    const { single, storms } = groupStorms([
      ...many(8),
      ...many(7, { state: 'resolved' }),
      ...many(3, { priority: 'critical' }),
    ]);
    expect(storms.map(({ delivery: { data } }) => data.name)).toEqual(['8 alerts fired', '7 alerts resolved']);
    expect(single.map(({ data }) => data.priority)).toEqual(['critical', 'critical', 'critical']);
    const [one] = groupStorms([...many(11), delivery(1, { state: 'resolved' })]).single;
    expect(one?.type).toBe('alert.resolved');
  });

  it('contains every alert for webhooks, split into several parts if necessary', () => {
    const name = '"ü📉'.repeat(60);
    const alerts = many(200, { name, message: `${name}: Price of x is $1, below $100` });
    const { storms } = groupStorms(alerts);
    expect(storms.length).toBeGreaterThan(1);
    const listed = storms.flatMap(({ delivery: { data, type } }) => {
      const body = JSON.stringify({ type, timestamp: AT, data });
      expect(Buffer.byteLength(body)).toBeLessThanOrEqual(20_000);
      return listedIn(JSON.parse(body).data);
    });
    expect(new Set(listed.map(({ alertId }) => alertId)).size).toBe(200);
    expect(storms.flatMap(({ alertIds }) => alertIds)).toHaveLength(200);
    expect(storms[1]!.delivery.data).toMatchObject({
      message: expect.stringContaining(`200 alerts fired at once (part 2 of ${storms.length})`),
      explanation: { count: 200, part: 2, parts: storms.length },
    });
    expect(new Set(storms.map(({ delivery: { data } }) => data.alertId)).size).toBe(storms.length);
  });

  it('removes the alerts of given rules and updates the text and the count', () => {
    const { storms } = groupStorms(Array.from({ length: 12 }, (_, n) => delivery(n, { ruleId: `r${n % 3}` })));
    const { data } = storms[0]!.delivery;
    expect(withoutRules(data, new Set())).toBe(data);
    const left = withoutRules(data, new Set(['r0'])) as AlertMessage;
    expect(left).toMatchObject({ name: '8 alerts fired', ruleId: 'r1', explanation: { count: 8 } });
    expect(left.message).toMatch(/^8 alerts fired at once: token1 \$1, token2 \$2, token4 \$4/);
    expect(listedIn(left).map(({ ruleId }) => ruleId)).not.toContain('r0');
    const single = delivery(1).data;
    expect(withoutRules(single, new Set(['r']))).toBe(single);
  });

  it('contains the ids of the rules of all combined alerts', () => {
    const { storms } = groupStorms(Array.from({ length: 12 }, (_, n) => delivery(n, { ruleId: `r${n % 3}` })));
    expect(storms.flatMap(({ delivery: { ruleIds } }) => ruleIds?.toSorted())).toEqual(['r0', 'r1', 'r2']);
  });
});
