import { describe, expect, it } from 'vitest';
import { DEFAULT_PREFERENCES } from '../../notifications/index.js';
import type { Condition, LeafReading, Mode, Transition } from '../core/index.js';
import { alertMessage } from './alert-message.js';
import { planMessages } from './plan-messages.js';

const AT = 1_760_000_000_000;
const HOUR = 3_600_000;

const transition: Transition = {
  ruleId: 'rule',
  ruleVersion: 1,
  instanceKey: '',
  seq: 1,
  from: 'ok',
  to: 'firing',
  reason: 'catch_up',
  suppressed: 0,
  heldBack: [],
  silenced: null,
  flapNotice: false,
  since: AT,
  readings: [],
  event: null,
  at: AT,
};

/** Returns the expiry of the message about an alert that was found this many hours late. */
function expiry(hoursLate: number): number | undefined {
  const rule = {
    ruleId: 'rule',
    userId: 'ann',
    priority: 'normal',
    name: 'R',
    mode: 'while_true',
    conditions: [],
  } as const;
  const alert = alertMessage(rule, transition);
  const actions = [{ type: 'email', target: 'ann@example.com' }] as const;
  const notified = { transition, rule: { ...rule, actions }, alert };
  const { deliveries } = planMessages(notified, DEFAULT_PREFERENCES, AT + hoursLate * HOUR);
  return deliveries[0]?.expiresAt.getTime();
}

describe('a message planned for an alert', () => {
  it('expires 24 hours after the firing, however late the firing was detected', () => {
    expect([0, 5, 25].map(expiry)).toEqual([AT + 24 * HOUR, AT + 24 * HOUR, AT + 24 * HOUR]);
  });

  const reading: LeafReading = {
    condition: 0,
    holds: true,
    protocol: null,
    chain: null,
    token: 'x',
    value: 1,
    current: 1,
    previous: null,
    reference: null,
    referenceAt: null,
    observedAt: null,
  };

  /** Whether the next message of the rule replaces the message of an alert. */
  function givesWay(
    condition: Condition,
    mode: Mode = 'while_true',
    instance = 'token=x',
    readings = [reading],
  ): boolean {
    const rule = {
      ruleId: 'rule',
      userId: 'ann',
      priority: 'normal',
      name: 'R',
      mode,
      conditions: [condition],
    } as const;
    const actions = [{ type: 'email', target: 'ann@example.com' }] as const;
    const fired = { ...transition, instanceKey: instance, readings };
    const notified = { transition: fired, rule: { ...rule, actions }, alert: alertMessage(rule, fired) };
    const { deliveries } = planMessages(notified, DEFAULT_PREFERENCES, AT);
    return deliveries.some((delivery) => !delivery.standalone);
  }

  const level = { metric: 'price', operator: 'gt', threshold: 1 } as const;

  it('may be superseded by a newer message only for one token above or below a fixed threshold', () => {
    expect(givesWay(level)).toBe(true);
    expect(givesWay({ ...level, token: 'x' }, 'while_true', '')).toBe(true);
    expect(givesWay({ metric: 'event', eventType: 'liquidation' })).toBe(false);
    expect(givesWay({ ...level, operator: 'change_pct' })).toBe(false);
    expect(givesWay({ ...level, metric: 'change_24h' })).toBe(false);
    expect(givesWay({ ...level, operator: 'eq' })).toBe(false);
    expect(givesWay(level, 'crossing')).toBe(false);
    expect(givesWay(level, 'once')).toBe(false);
    // An empty instance key: a summary of several subjects.
    expect(givesWay(level, 'while_true', '', [])).toBe(false);
  });

  it('triggers a PagerDuty incident for each token of a summary that still fires', () => {
    const rule = { ruleId: 'rule', userId: 'ann', priority: 'normal', name: 'R', mode: 'while_true' } as const;
    const wide = { ...rule, conditions: [level] };
    const held = { protocol: null, chain: null, at: AT, times: 1 } as const;
    const summary: Transition = {
      ...transition,
      reason: 'throttle_summary',
      suppressed: 2,
      heldBack: [
        { ...held, instanceKey: 'token=b', token: 'b', value: 2, ended: true },
        { ...held, instanceKey: 'token=c', token: 'c', value: 3 },
      ],
    };
    const actions = [
      { type: 'webhook', target: 'pagerduty:…cdef' },
      { type: 'email', target: 'ann@example.com' },
    ] as const;
    const alert = alertMessage(wide, summary);
    const { deliveries } = planMessages(
      { transition: summary, rule: { ...wide, actions }, alert },
      DEFAULT_PREFERENCES,
      AT,
    );
    expect(deliveries.map(({ type, collapseKey, data }) => [type, collapseKey, data.message])).toEqual([
      ['alert.fired', 'rule token=c', expect.stringContaining('R: c $3 at ')],
      ['alert.summary', 'rule', 'R: 2 times more since the last message: c $3, b $2 (ended)'],
    ]);
    expect(deliveries[0]?.data).toMatchObject({ token: 'c', value: 3, state: 'fired' });
  });
});
