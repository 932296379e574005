import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { DEFAULT_PREFERENCES, type QuietHours, type UserPreferences } from './preferences.js';
import { afterQuietHours, digestTime, sendTime } from './send-time.js';

const BERLIN = 'Europe/Berlin';
const local = (text: string, zone = BERLIN) => DateTime.fromISO(text, { zone }).toJSDate();
const shown = (at: Date, zone = BERLIN) => DateTime.fromJSDate(at, { zone }).toISO({ suppressMilliseconds: true });
const night: QuietHours = { start: '22:00', end: '07:30', timezone: BERLIN, allowCritical: true };
const with_ = (changes: Partial<UserPreferences>): UserPreferences => ({ ...DEFAULT_PREFERENCES, ...changes });

describe('quiet hours', () => {
  it.each([
    ['before midnight', '2026-06-10T23:15', '2026-06-11T07:30:00+02:00'],
    ['after midnight', '2026-06-11T03:00', '2026-06-11T07:30:00+02:00'],
    ['at their start', '2026-06-10T22:00', '2026-06-11T07:30:00+02:00'],
    ['at their end', '2026-06-11T07:30', '2026-06-11T07:30:00+02:00'],
    ['by day', '2026-06-11T12:00', '2026-06-11T12:00:00+02:00'],
    // The clock goes from 02:00 to 03:00: the night is an hour shorter.
    ['in the night of the spring change', '2026-03-28T23:00', '2026-03-29T07:30:00+02:00'],
    // The clock goes from 03:00 back to 02:00: the night is an hour longer.
    ['in the night of the autumn change', '2026-10-24T23:00', '2026-10-25T07:30:00+01:00'],
  ])('%s', (_, at, expected) => {
    expect(shown(afterQuietHours(night, local(at)))).toBe(expected);
  });

  it('whose end the clock jumps over end at the jump', () => {
    const quiet = { ...night, end: '02:30' };
    expect(shown(afterQuietHours(quiet, local('2026-03-29T01:00')))).toBe('2026-03-29T03:00:00+02:00');
  });

  it('whose end the clock shows twice end at the first, and are quiet again until the second', () => {
    const quiet = { ...night, end: '02:30' };
    const first = local('2026-10-25T01:00');
    expect(shown(afterQuietHours(quiet, first))).toBe('2026-10-25T02:30:00+02:00');
    const second = new Date(Date.parse('2026-10-25T02:10:00+01:00'));
    expect(shown(afterQuietHours(quiet, second))).toBe('2026-10-25T02:30:00+01:00');
  });

  it('never hold a message back for longer than a day and an hour, and never into other quiet hours', () => {
    const time = fc
      .tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }))
      .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
    const zone = fc.constantFrom('Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Kathmandu', 'UTC');
    const moment = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(time, time, zone, moment, (start, end, timezone, at) => {
        const quiet = { start, end, timezone, allowCritical: true };
        const leaves = afterQuietHours(quiet, at);
        expect(leaves.getTime() - at.getTime()).toBeGreaterThanOrEqual(0);
        expect(leaves.getTime() - at.getTime()).toBeLessThanOrEqual(25 * 3_600_000);
        expect(start === end ? leaves : afterQuietHours(quiet, leaves)).toEqual(leaves);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('digests', () => {
  it('leave at the next full hour or the next time of day, also over a change of the clock', () => {
    expect(shown(digestTime({ every: 'hour', at: '00:00', timezone: BERLIN }, local('2026-06-10T10:20')))).toBe(
      '2026-06-10T11:00:00+02:00',
    );
    const daily = { every: 'day' as const, at: '08:00', timezone: BERLIN };
    expect(shown(digestTime(daily, local('2026-03-28T09:00')))).toBe('2026-03-29T08:00:00+02:00');
    expect(shown(digestTime(daily, local('2026-03-28T07:59')))).toBe('2026-03-28T08:00:00+01:00');
  });
});

describe('the time a message leaves', () => {
  const at = local('2026-06-10T23:00');
  const digest = { every: 'hour' as const, at: '00:00', timezone: BERLIN };

  it('is now without preferences', () => {
    expect(sendTime(DEFAULT_PREFERENCES, 'normal', at, 'email')).toEqual({});
  });

  it('is never for a channel that is off, and for mail to who unsubscribed', () => {
    const off = with_({ channels: { email: true, webhook: false, push: true } });
    expect(sendTime(off, 'critical', at, 'webhook')).toEqual({ suppressed: 'channel_off' });
    expect(sendTime(with_({ unsubscribed: true }), 'critical', at, 'email')).toEqual({ suppressed: 'unsubscribed' });
    expect(sendTime(with_({ unsubscribed: true }), 'normal', at, 'webhook')).toEqual({});
  });

  it('is the end of quiet hours, which critical messages pass where they may', () => {
    const morning = { notBefore: local('2026-06-11T07:30') };
    expect(sendTime(with_({ quietHours: night }), 'high', at, 'push')).toEqual(morning);
    expect(sendTime(with_({ quietHours: night }), 'critical', at, 'push')).toEqual({});
    const strict = { ...night, allowCritical: false };
    expect(sendTime(with_({ quietHours: strict }), 'critical', at, 'push')).toEqual(morning);
  });

  it('is the next digest for mails that are not urgent, after quiet hours', () => {
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
