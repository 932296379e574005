import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { DEFAULT_PREFERENCES, preferencesFor, type QuietHours, type UserPreferences } from './preferences.js';
import { digestTime, sendTime } from './send-time.js';

const BERLIN = 'Europe/Berlin';
const local = (text: string, zone = BERLIN) => DateTime.fromISO(text, { zone }).toJSDate();
const shown = (at: Date, zone = BERLIN) => DateTime.fromJSDate(at, { zone }).toISO({ suppressMilliseconds: true });
const night: QuietHours = { start: '22:00', end: '07:30', timezone: BERLIN, allowCritical: true };
const with_ = (changes: Partial<UserPreferences>): UserPreferences => ({ ...DEFAULT_PREFERENCES, ...changes });

describe('digest mails', () => {
  it('are sent at the next full hour or daily time, even across a clock change', () => {
    expect(shown(digestTime({ every: 'hour', timezone: BERLIN }, local('2026-06-10T10:20')))).toBe(
      '2026-06-10T11:00:00+02:00',
    );
    const daily = { every: 'day' as const, at: '08:00', timezone: BERLIN };
    expect(shown(digestTime(daily, local('2026-03-28T09:00')))).toBe('2026-03-29T08:00:00+02:00');
    expect(shown(digestTime(daily, local('2026-03-28T07:59')))).toBe('2026-03-28T08:00:00+01:00');
  });

  it.each([
    // Half an hour back at 02:00: 01:30 comes twice, and the full hour after 01:00 is 02:00.
    ['hour', '', 'Australia/Lord_Howe', '2026-04-05T01:10:00+11:00', '2026-04-05T02:00:00+10:30'],
    ['hour', '', 'Australia/Lord_Howe', '2026-10-04T01:50:00+10:30', '2026-10-04T03:00:00+11:00'],
    ['hour', '', 'Australia/Lord_Howe', '2026-10-04T02:40:00+11:00', '2026-10-04T03:00:00+11:00'],
    ['hour', '', 'Asia/Kathmandu', '2026-04-05T01:10:00+05:45', '2026-04-05T02:00:00+05:45'],
    ['day', '02:15', 'Australia/Lord_Howe', '2026-10-03T12:00:00+10:30', '2026-10-04T02:30:00+11:00'],
    // Two hours are skipped at 01:00.
    ['day', '02:20', 'Antarctica/Troll', '2026-03-28T12:00:00+00:00', '2026-03-29T03:00:00+02:00'],
    // The last hour of 28 March is skipped.
    ['day', '20:30', 'America/Scoresbysund', '2026-03-27T23:20:00-02:00', '2026-03-28T20:30:00-02:00'],
  ] as const)('every %s %s in %s, decided at %s, are sent at %s', (every, at, timezone, decided, sent) => {
    const digest = { every, timezone, ...(at === '' ? {} : { at }) };
    expect(shown(digestTime(digest, new Date(decided)), timezone)).toBe(sent);
  });
});

describe('the send time of a message', () => {
  const at = local('2026-06-10T23:00');
  const digest = { every: 'hour' as const, timezone: BERLIN };

  it('is immediate without preferences', () => {
    expect(sendTime(DEFAULT_PREFERENCES, 'normal', at, 'email')).toEqual({});
  });

  it('does not exist for a disabled channel or for mail to an unsubscribed user', () => {
    const off = with_({ channels: { email: true, webhook: false, push: true } });
    expect(sendTime(off, 'critical', at, 'webhook')).toEqual({ suppressed: 'channel_off' });
    expect(sendTime(with_({ unsubscribed: true }), 'critical', at, 'email')).toEqual({ suppressed: 'unsubscribed' });
    expect(sendTime(with_({ unsubscribed: true }), 'normal', at, 'webhook')).toEqual({});
  });

  it('is the end of quiet hours, except for critical messages if these are allowed', () => {
    const morning = { notBefore: local('2026-06-11T07:30') };
    expect(sendTime(with_({ quietHours: night }), 'high', at, 'push')).toEqual(morning);
    expect(sendTime(with_({ quietHours: night }), 'critical', at, 'push')).toEqual({});
    const strict = { ...night, allowCritical: false };
    expect(sendTime(with_({ quietHours: strict }), 'critical', at, 'push')).toEqual(morning);
  });

  it('follows the quiet hours of the rule, if set, in place of the quiet hours of the user', () => {
    const user = with_({ quietHours: night });
    const own = { ...night, start: '23:00', end: '23:30', allowCritical: false };
    const leaves = (quietHours: QuietHours | 'never' | null, preferences = user) =>
      sendTime(preferencesFor({ quietHours }, preferences), 'critical', at, 'push').notBefore;
    expect([leaves(null), leaves('never'), leaves(own)]).toEqual([undefined, undefined, local('2026-06-10T23:30')]);
    expect(sendTime(preferencesFor({ quietHours: 'never' }, user), 'low', at, 'push')).toEqual({});
    expect(leaves(own, DEFAULT_PREFERENCES)).toEqual(local('2026-06-10T23:30'));
  });

  it('is the next digest for non-urgent mails, but not before the end of quiet hours', () => {
    const noon = local('2026-06-10T12:10');
    expect(sendTime(with_({ digest }), 'normal', noon, 'email')).toEqual({
      notBefore: local('2026-06-10T13:00'),
      digest: true,
    });
    expect(sendTime(with_({ digest }), 'high', noon, 'email')).toEqual({});
    expect(sendTime(with_({ digest }), 'low', noon, 'push')).toEqual({});
    expect(sendTime(with_({ digest, quietHours: night }), 'low', at, 'email')).toEqual({
      notBefore: local('2026-06-11T07:30'),
      digest: true,
    });
  });
});
