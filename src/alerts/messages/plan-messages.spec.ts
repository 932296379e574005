import { describe, expect, it } from 'vitest';
import { DEFAULT_PREFERENCES } from '../../notifications/index.js';
import type { Transition } from '../core/index.js';
import { alertMessage } from './alert-message.js';
import { FlapCounter } from './flapping.js';
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
  since: AT,
  readings: [],
  at: AT,
};

/** When the message of the alert stops to be wanted, if it is found so many hours late. */
function expiry(hoursLate: number): number | undefined {
  const rule = { ruleId: 'rule', userId: 'ann', priority: 'normal', name: 'R', conditions: [] } as const;
  const alert = alertMessage(rule, transition);
  const actions = [{ type: 'email', target: 'ann@example.com' }] as const;
  const told = { transition, rule: { ...rule, actions }, alert };
  const { deliveries } = planMessages(told, DEFAULT_PREFERENCES, new FlapCounter(), AT + hoursLate * HOUR);
  return deliveries[0]?.expiresAt.getTime();
}

describe('the message of an alert', () => {
  it('is wanted for a day from what it tells of, however late that was found', () => {
    expect([0, 5, 25].map(expiry)).toEqual([AT + 24 * HOUR, AT + 24 * HOUR, AT + 24 * HOUR]);
  });
});
