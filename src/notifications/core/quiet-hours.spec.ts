import fc from 'fast-check';
import { DateTime } from 'luxon';
import { describe, expect, it } from 'vitest';
import { DAYS, type Day, type QuietHours } from './preferences.js';
import { afterQuietHours, quietHoursFault } from './quiet-hours.js';

const BERLIN = 'Europe/Berlin';
const DAY_MS = 86_400_000;
const local = (text: string, zone = BERLIN) => DateTime.fromISO(text, { zone }).toJSDate();
const shown = (at: Date, zone = BERLIN) => DateTime.fromJSDate(at, { zone }).toISO({ suppressMilliseconds: true });
const night: QuietHours = { start: '22:00', end: '07:30', timezone: BERLIN, allowCritical: true };

describe('quiet hours', () => {
  it.each([
    ['created before midnight', '2026-06-10T23:15', '2026-06-11T07:30:00+02:00'],
    ['created after midnight', '2026-06-11T03:00', '2026-06-11T07:30:00+02:00'],
    ['created at the start of quiet hours', '2026-06-10T22:00', '2026-06-11T07:30:00+02:00'],
    ['created at the end of quiet hours', '2026-06-11T07:30', '2026-06-11T07:30:00+02:00'],
    ['created during the day', '2026-06-11T12:00', '2026-06-11T12:00:00+02:00'],
    // The clock goes from 02:00 to 03:00: the night is an hour shorter.
    ['created in the night when summer time begins', '2026-03-28T23:00', '2026-03-29T07:30:00+02:00'],
    // The clock goes from 03:00 back to 02:00: the night is an hour longer.
    ['created in the night when summer time ends', '2026-10-24T23:00', '2026-10-25T07:30:00+01:00'],
  ])('give the right send time for a message %s', (_, at, expected) => {
    expect(shown(afterQuietHours(night, local(at)))).toBe(expected);
  });

  it('end at the clock change if their end time is skipped', () => {
    const quiet = { ...night, end: '02:30' };
    expect(shown(afterQuietHours(quiet, local('2026-03-29T01:00')))).toBe('2026-03-29T03:00:00+02:00');
  });

  it('end twice if the clock shows their end time twice', () => {
    const quiet = { ...night, end: '02:30' };
    const first = local('2026-10-25T01:00');
    expect(shown(afterQuietHours(quiet, first))).toBe('2026-10-25T02:30:00+02:00');
    const second = new Date(Date.parse('2026-10-25T02:10:00+01:00'));
    expect(shown(afterQuietHours(quiet, second))).toBe('2026-10-25T02:30:00+01:00');
  });

  it.each([
    // 2026-06-10 is a Wednesday.
    ['in a night that starts on a selected day', ['wed'], '2026-06-11T03:00', '2026-06-11T07:30:00+02:00'],
    ['in a night that only ends on a selected day', ['thu'], '2026-06-11T03:00', '2026-06-11T03:00:00+02:00'],
    ['in the night from Sunday to Monday', ['sun'], '2026-06-15T00:00', '2026-06-15T07:30:00+02:00'],
    ['on a day that is not selected', ['mon', 'tue'], '2026-06-10T23:00', '2026-06-10T23:00:00+02:00'],
  ] as const)('apply the selected weekdays to a message %s', (_, days, at, expected) => {
    expect(shown(afterQuietHours({ ...night, days }, local(at)))).toBe(expected);
  });

  it('end after the last of several consecutive whole days', () => {
    const weekend: QuietHours = { ...night, start: '00:00', end: '00:00', days: ['sat', 'sun'] };
    expect(shown(afterQuietHours(weekend, local('2026-06-13T00:00')))).toBe('2026-06-15T00:00:00+02:00');
    expect(shown(afterQuietHours(weekend, local('2026-06-12T23:59')))).toBe('2026-06-12T23:59:00+02:00');
  });

  it('end when the clock is set back to a time before their start', () => {
    const quiet = { ...night, start: '02:30', end: '03:30' };
    expect(shown(afterQuietHours(quiet, new Date('2026-10-25T02:40:00+02:00')))).toBe('2026-10-25T02:00:00+01:00');
  });

  it.each([
    ['a valid time of day', { end: '24:00' }, 'end'],
    ['a time zone name (an offset is not enough)', { timezone: '+05:30' }, 'timezone'],
    ['an existing time zone', { timezone: 'Mars/X' }, 'timezone'],
    ['at least one weekday', { days: [] }, 'days'],
    ['a length above zero', { end: '22:00' }, 'end'],
    ['any time outside quiet hours', { end: '22:00', days: DAYS }, 'end'],
  ])('are refused without %s', (_, changes, field) => {
    expect(quietHoursFault({ ...night, ...changes })).toMatchObject({ field });
  });

  it.each([{}, { timezone: 'Asia/Kolkata' }, { timezone: 'Pacific/Apia' }, { end: '22:00', days: ['sat' as const] }])(
    'are valid with %j',
    (changes) => {
      expect(quietHoursFault({ ...night, ...changes })).toBeUndefined();
    },
  );
});

describe('the end of quiet hours', () => {
  /** Days with a clock change in the zone, and the day that did not exist in Apia. */
  const CHANGES = [
    ['Europe/Berlin', '2026-03-29'],
    ['Europe/Berlin', '2026-10-25'],
    ['America/New_York', '2026-03-08'],
    ['America/New_York', '2026-11-01'],
    ['Australia/Lord_Howe', '2026-04-05'],
    ['Australia/Lord_Howe', '2026-10-04'],
    ['America/Havana', '2026-03-08'],
    ['America/Havana', '2026-11-01'],
    ['Asia/Kolkata', '2026-06-10'],
    ['Asia/Kathmandu', '2026-06-10'],
    ['Pacific/Apia', '2026-06-10'],
    ['Pacific/Apia', '2011-12-30'],
    ['UTC', '2026-02-28'],
  ] as const;

  /** Reference implementation: walks minute by minute in local time. */
  function walked({ start, end, timezone, days = DAYS }: QuietHours, at: Date): Date {
    const format = new Intl.DateTimeFormat('en-GB', {
      timeZone: timezone,
      weekday: 'short',
      hour: '2-digit',
      minute: '2-digit',
      hourCycle: 'h23',
    });
    const isQuiet = (time: number): boolean => {
      const parts = Object.fromEntries(format.formatToParts(time).map(({ type, value }) => [type, value]));
      const clock = `${parts['hour']}:${parts['minute']}`;
      const today = DAYS.findIndex((day) => day === parts['weekday']?.toLowerCase());
      const on = (index: number): boolean => days.some((day) => day === DAYS.at(index));
      if (start < end) return on(today) && clock >= start && clock < end;
      return (on(today) && clock >= start) || (on(today - 1) && clock < end);
    };
    if (!isQuiet(at.getTime())) return at;
    let minute = Math.floor(at.getTime() / 60_000) * 60_000;
    while (isQuiet(minute)) minute += 60_000;
    return new Date(minute);
  }

  it('equals a minute-by-minute simulation, even across clock changes', () => {
    const time = fc
      .tuple(fc.integer({ min: 0, max: 23 }), fc.constantFrom(0, 15, 30, 59))
      .map(([hour, minute]) => `${String(hour).padStart(2, '0')}:${String(minute).padStart(2, '0')}`);
    const days = fc.subarray<Day>([...DAYS], { minLength: 1, maxLength: 6 });
    const moment = fc.integer({ min: -DAY_MS, max: 2 * DAY_MS });
    fc.assert(
      fc.property(
        fc.constantFrom(...CHANGES),
        time,
        time,
        fc.option(days, { nil: undefined }),
        moment,
        ([timezone, date], start, end, given, offset) => {
          const quiet: QuietHours = { start, end, timezone, allowCritical: true, ...(given && { days: given }) };
          fc.pre(quietHoursFault(quiet) === undefined);
          const at = new Date(Date.parse(date) + offset);
          expect(afterQuietHours(quiet, at)).toEqual(walked(quiet, at));
        },
      ),
      { numRuns: 300 },
    );
  });
});
