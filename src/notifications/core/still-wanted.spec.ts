import { describe, expect, it } from 'vitest';
import { DEFAULT_PREFERENCES, mergePreferences, type UserPreferences } from './preferences.js';
import { stillWanted, type RuleNow, type WantedQuestion } from './still-wanted.js';

const BERLIN = 'Europe/Berlin';
const at = (local: string): number => Date.parse(`${local}:00+02:00`);
const night = { start: '22:00', end: '07:00', timezone: BERLIN, allowCritical: true };
const daily = { every: 'day' as const, at: '08:00', timezone: BERLIN };
const rule: RuleNow = {
  isActive: true,
  snoozedUntil: null,
  actions: [{ type: 'email', target: 'ann@example.com' }],
  quietHours: null,
};
const base: WantedQuestion = {
  type: 'alert.fired',
  channel: 'email',
  target: 'ann@example.com',
  priority: 'normal',
  digest: false,
  attempts: 0,
  asked: false,
  createdAt: at('2026-06-10T12:00'),
  verifiedAt: at('2026-01-01T00:00'),
  preferences: DEFAULT_PREFERENCES,
  rules: [rule],
  before: 'none',
  beforeNext: 0,
  isEnd: false,
};
const NOON = at('2026-06-10T12:00');
const ask = (changes: Partial<WantedQuestion>, now = NOON) => stillWanted({ ...base, ...changes }, now);
const preferring = (changes: Partial<UserPreferences>): UserPreferences => ({ ...DEFAULT_PREFERENCES, ...changes });

describe('the check directly before sending a message', () => {
  it('requires at least one rule that is active and still has the target', () => {
    const cases: [(RuleNow | undefined)[] | null, string | undefined][] = [
      [null, undefined],
      [[rule], undefined],
      [[undefined], 'deleted'],
      [[undefined, rule], undefined],
      [[{ ...rule, isActive: false }], 'disabled'],
      [[{ ...rule, snoozedUntil: NOON }], undefined],
      [[{ ...rule, actions: [] }], 'retargeted'],
      [[{ ...rule, actions: [{ type: 'webhook', target: 'ann@example.com' }] }], 'retargeted'],
      [[{ ...rule, actions: [{ type: 'email', target: 'Ann@Example.com' }] }], undefined],
    ];
    for (const [rules, reason] of cases) {
      const expected = reason === undefined ? { action: 'send' } : { action: 'finish', state: 'suppressed', reason };
      expect(ask({ rules })).toMatchObject(expected);
    }
  });

  it('holds a message until the first snooze of its rules ends, unless another rule wants it', () => {
    const snoozed = (until: number): RuleNow => ({ ...rule, snoozedUntil: until });
    const cases: [(RuleNow | undefined)[], object][] = [
      [[snoozed(NOON + 1)], { action: 'defer', until: NOON + 1, reason: 'snoozed' }],
      [[undefined, snoozed(NOON + 9), snoozed(NOON + 2)], { action: 'defer', until: NOON + 2, reason: 'snoozed' }],
      [[snoozed(NOON + 1), rule], { action: 'send' }],
      [[{ ...snoozed(NOON + 1), isActive: false }], { action: 'finish', reason: 'disabled' }],
    ];
    for (const [rules, expected] of cases) expect(ask({ rules })).toMatchObject(expected);
  });

  it('sends a test message for an inactive rule, but not for a deleted rule', () => {
    expect(ask({ type: 'test', rules: [{ ...rule, isActive: false }] })).toMatchObject({ action: 'send' });
    expect(ask({ type: 'test', rules: [undefined] })).toMatchObject({ reason: 'deleted' });
  });

  it('defers the end message of a test until the test message is sent', () => {
    expect(ask({ type: 'test', before: 'none' })).toMatchObject({ action: 'send' });
    const later = ask({ type: 'test', before: 'open', beforeNext: NOON + 60_000 });
    expect(later).toMatchObject({ action: 'defer', until: NOON + 120_000, reason: 'after_test' });
  });

  it('sends a message at once if its user requests a resend, except on a disabled channel', () => {
    const preferences = preferring({ quietHours: { ...night, start: '11:00', end: '13:00' }, digest: daily });
    expect(ask({ asked: true, rules: [undefined], preferences })).toMatchObject({ action: 'send' });
    const off = preferring({ channels: { email: false, webhook: true, push: true } });
    expect(ask({ asked: true, preferences: off })).toMatchObject({ reason: 'channel_off' });
  });

  it('sends a resolution after its firing, and drops the resolution of a lost firing', () => {
    const resolved = { type: 'alert.resolved' as const, isEnd: true };
    expect(ask({ ...resolved, before: 'delivered' })).toMatchObject({ action: 'send' });
    expect(ask({ ...resolved, before: 'none' })).toMatchObject({ action: 'send' });
    expect(ask({ ...resolved, before: 'lost' })).toMatchObject({ action: 'finish', reason: 'firing_not_delivered' });
    expect(ask({ ...resolved, before: 'open' })).toMatchObject({ action: 'defer', reason: 'after_firing' });
    const later = ask({ ...resolved, before: 'open', beforeNext: NOON + 3_600_000 });
    expect(later).toMatchObject({ action: 'defer', until: NOON + 3_660_000 });
    expect(ask({ ...resolved, before: 'overtaken' })).toMatchObject({ action: 'finish', state: 'superseded' });
    expect(ask({ ...resolved, before: 'open', digest: true })).toEqual({ action: 'send', digest: true });
  });

  it('defers a firing until the previous resolution is sent', () => {
    expect(ask({ before: 'none' })).toMatchObject({ action: 'send' });
    const later = ask({ before: 'open', beforeNext: NOON + 60_000 });
    expect(later).toMatchObject({ action: 'defer', until: NOON + 120_000, reason: 'after_resolution' });
    expect(ask({ before: 'open' })).toMatchObject({ action: 'defer', until: NOON + 500 });
    expect(ask({ before: 'open', asked: true })).toMatchObject({ action: 'send' });
  });

  it('as a firing at once where the resolution before it will not be tried soon', () => {
    expect(ask({ before: 'open', beforeNext: NOON + 80_000 })).toMatchObject({ action: 'send' });
  });
});

describe('the quiet hours of a rule', () => {
  const quiet = { ...night, start: '11:00', end: '13:00' };
  const until = at('2026-06-10T13:00');

  it('replace the quiet hours of the user; among several rules the earliest end applies', () => {
    const preferences = preferring({ quietHours: { ...quiet, end: '14:00' } });
    const held = { action: 'defer', until, reason: 'quiet_hours' };
    expect(ask({ rules: [{ ...rule, quietHours: quiet }] })).toMatchObject(held);
    expect(ask({ preferences, rules: [{ ...rule, quietHours: quiet }] })).toMatchObject(held);
    expect(ask({ preferences, rules: [rule, { ...rule, quietHours: quiet }] })).toMatchObject(held);
    expect(ask({ preferences, rules: [{ ...rule, quietHours: 'never' }] })).toMatchObject({ action: 'send' });
    const unwanting = { ...rule, quietHours: 'never' as const, isActive: false };
    expect(ask({ rules: [{ ...rule, quietHours: quiet }, unwanting] })).toMatchObject(held);
  });

  it('define whether critical messages are delayed', () => {
    const strict = { ...quiet, allowCritical: false };
    expect(ask({ priority: 'critical', rules: [{ ...rule, quietHours: quiet }] })).toMatchObject({ action: 'send' });
    expect(ask({ priority: 'critical', rules: [{ ...rule, quietHours: strict }] })).toMatchObject({ until });
  });
});

describe('the send time checked before each attempt', () => {
  const held = (changes: Partial<WantedQuestion>, local: string) => {
    const answer = ask(changes, at(local));
    return answer.action === 'defer' ? [answer.reason, new Date(answer.until).toISOString()] : [answer.action];
  };

  it('is the end of quiet hours for a retry or after a late target verification', () => {
    const preferences = preferring({ quietHours: night });
    const morning = ['quiet_hours', '2026-06-11T05:00:00.000Z'];
    expect(held({ preferences, attempts: 3 }, '2026-06-10T23:30')).toEqual(morning);
    expect(held({ preferences, verifiedAt: at('2026-06-10T23:29') }, '2026-06-10T23:30')).toEqual(morning);
    expect(held({ preferences, attempts: 3 }, '2026-06-11T07:00')).toEqual(['send']);
    expect(held({ preferences, priority: 'critical' }, '2026-06-10T23:30')).toEqual(['send']);
  });

  it('is the next digest after a late target verification, and immediate for a retried digest', () => {
    const preferences = preferring({ digest: daily });
    const next = ['digest', '2026-06-11T06:00:00.000Z'];
    expect(held({ preferences }, '2026-06-10T12:00')).toEqual(next);
    expect(held({ preferences }, '2026-06-11T08:00')).toEqual(['send']);
    const late = { preferences, verifiedAt: at('2026-06-11T10:00') };
    expect(held(late, '2026-06-11T10:00')).toEqual(['digest', '2026-06-12T06:00:00.000Z']);
    expect(held({ preferences, digest: true, attempts: 1 }, '2026-06-11T08:01')).toEqual(['send']);
    expect(held({ preferences, priority: 'high' }, '2026-06-10T12:00')).toEqual(['send']);
  });

  it('is the end of quiet hours for a digest scheduled within quiet hours', () => {
    const preferences = preferring({ digest: { ...daily, at: '06:00' }, quietHours: night });
    expect(held({ preferences }, '2026-06-10T12:00')).toEqual(['quiet_hours', '2026-06-11T05:00:00.000Z']);
    expect(held({ preferences }, '2026-06-11T06:00')).toEqual(['quiet_hours', '2026-06-11T05:00:00.000Z']);
    expect(held({ preferences }, '2026-06-11T07:00')).toEqual(['send']);
  });

  it('is immediate once quiet hours and digests are turned off', () => {
    expect(ask({ digest: true })).toEqual({ action: 'send', digest: true });
  });
});

describe('a partial update of preferences', () => {
  const current = preferring({ quietHours: { ...night, allowCritical: false }, digest: daily });

  it('changes only the given fields, even single nested fields', () => {
    expect(mergePreferences(current, { quietHours: { end: '06:30' } })).toEqual({
      ...current,
      quietHours: { ...night, allowCritical: false, end: '06:30' },
    });
    expect(mergePreferences(current, { channels: { push: false }, unsubscribed: false }).channels).toEqual({
      email: true,
      webhook: true,
      push: false,
    });
    expect(mergePreferences(current, { quietHours: null })).toEqual({ ...current, quietHours: null });
  });

  it('leaves missing fields of new quiet hours empty for later validation', () => {
    expect(mergePreferences(DEFAULT_PREFERENCES, { quietHours: { start: '22:00' } }).quietHours).toEqual({
      start: '22:00',
      end: '',
      timezone: '',
      allowCritical: true,
    });
  });
});
