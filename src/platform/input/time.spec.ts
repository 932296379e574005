import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isoTime, parseTime, RANGE_FORMS, readTime, type TimeForms } from './time.js';

const NOW = Date.parse('2026-11-29T12:00:00Z');
const read = (value: unknown, forms?: TimeForms) => {
  const reading = readTime(value, NOW, forms);
  return 'at' in reading ? new Date(reading.at).toISOString() : reading.fault;
};

describe('a time in a request', () => {
  it.each([
    ['2026-11-20T10:00:00Z', '2026-11-20T10:00:00.000Z'],
    ['2026-11-20T10:00:00.123456789+05:30', '2026-11-20T04:30:00.123Z'],
    ['2026-11-20T10:00-0100', '2026-11-20T11:00:00.000Z'],
    ['2024-02-29T00:00Z', '2024-02-29T00:00:00.000Z'],
    ['1970-01-01T00:00Z', '1970-01-01T00:00:00.000Z'],
  ])('%s is read as %s', (given, expected) => {
    expect(read(given)).toBe(expected);
  });

  it.each([
    ['now', '2026-11-29T12:00:00.000Z'],
    ['now-90m', '2026-11-29T10:30:00.000Z'],
    ['now-7d', '2026-11-22T12:00:00.000Z'],
    ['now-24h', '2026-11-28T12:00:00.000Z'],
    ['now-2w', '2026-11-15T12:00:00.000Z'],
    ['now-99999w', '1970-01-01T00:00:00.000Z'],
    ['2026-11-20', '2026-11-20T00:00:00.000Z'],
    ['1700000000000', '2023-11-14T22:13:20.000Z'],
  ])('%s is read as %s if the field accepts ranges, and is refused in other fields', (given, expected) => {
    expect(read(given, RANGE_FORMS)).toBe(expected);
    expect(read(given)).toContain('must be ISO 8601 with a zone');
  });

  it.each([
    ['2026-02-30T00:00:00Z', '2026-02-30 does not exist'],
    ['2026-02-30', '2026-02-30 does not exist'],
    ['2026-13-01T00:00Z', '2026-13-01 does not exist'],
    ['2026-11-20T25:00:00Z', 'the time 25:00:00 does not exist'],
    ['2026-11-20T24:00Z', 'the time 24:00 does not exist'],
    ['2026-11-20T24:00:00.000Z', 'the time 24:00:00.000 does not exist'],
    ['2026-11-20T10:60Z', 'the time 10:60 does not exist'],
    ['2016-12-31T23:59:60Z', 'the time 23:59:60 does not exist'],
    ['2026-11-20T10:00+14:01', 'the UTC offset +14:01 does not exist'],
    ['2026-11-20T10:00-1430', 'the UTC offset -1430 does not exist'],
    ['2026-11-20T10:00+02', 'must be ISO 8601'],
    ['2026-11-20t10:00:00z', 'must be ISO 8601'],
    ['2026-11-20T10:00:00.Z', 'must be ISO 8601'],
    ['2026-11-20T10:00.5Z', 'must be ISO 8601'],
    ['2026-11-20T10:00:00.1234567890Z', 'must be ISO 8601'],
    ['2026-11-20T10:00:00', 'no zone'],
    ['2026-11-20 10:00:00', 'no zone'],
    ['1700000000', 'looks like Unix seconds'],
    ['1700000000.5', 'looks like Unix seconds'],
    ['1700000000000.5', 'must be ISO 8601'],
    ['99999999999999999', 'years 1970 to 2999'],
    ['1969-12-31T23:59:59Z', 'years 1970 to 2999'],
    ['3000-01-01T00:00:00Z', 'years 1970 to 2999'],
    ['yesterday', 'must be ISO 8601'],
    ['now-', 'must be ISO 8601'],
    ['now-1y', 'must be ISO 8601'],
    ['now+1h', 'must be ISO 8601'],
    ['20 Nov 2026', 'must be ISO 8601'],
    ['2026-11-20T10:00', 'no zone'],
    ['', 'must be ISO 8601'],
    [1_700_000_000_000, 'must be ISO 8601'],
    [null, 'must be ISO 8601'],
    [{}, 'must be ISO 8601'],
  ])('%j is refused with a reason', (given, fault) => {
    expect(read(given, RANGE_FORMS)).toContain(fault);
  });

  it('may be a number of Unix milliseconds if the field allows it, but not of Unix seconds', () => {
    expect(read(1_700_000_000_000, { numbers: true })).toBe('2023-11-14T22:13:20.000Z');
    for (const seconds of [0, 1_700_000_000, 1_700_000_000.25]) {
      expect(read(seconds, { numbers: true })).toContain('looks like Unix seconds');
    }
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1.7e18]) {
      expect(read(wrong, { numbers: true })).toContain('must be');
    }
  });

  it.each([
    [{}, 'must be ISO 8601 with a zone, such as 2026-11-20T10:00:00Z'],
    [{ numbers: true }, 'must be ISO 8601 with a zone, such as 2026-11-20T10:00:00Z, or Unix milliseconds'],
    [
      RANGE_FORMS,
      'must be ISO 8601 with a zone, such as 2026-11-20T10:00:00Z, or a day, or now-7d (m, h, d, w), or Unix milliseconds',
    ],
  ])('is refused with the forms that the field accepts: %j', (forms, fault) => {
    expect(read('tomorrow', forms)).toBe(fault);
  });

  it('is the same instant in every spelling', () => {
    fc.assert(
      fc.property(instants, offsets, decimals, (at, offset, digits) => {
        const spelled = spellings(at, offset, digits);
        expect(spelled.map((text) => [text, read(text)])).toEqual(spelled.map((text) => [text, isoTime(at)]));
      }),
    );
  });

  it('is accepted on days of the calendar only', () => {
    fc.assert(
      fc.property(years, numbers(13), numbers(32), fc.constantFrom('', 'T23:59:59.999Z'), (year, month, day, time) => {
        const exists = month >= 1 && month <= 12 && day >= 1 && day <= daysIn(year, month);
        const at = Date.UTC(year, month - 1, day) + (time === '' ? 0 : 86_399_999);
        expect(parseTime(`${year}-${two(month)}-${two(day)}${time}`, NOW)).toBe(exists ? at : undefined);
      }),
    );
  });

  it('is accepted from 00:00 to 23:59:59 only, with an offset of at most 14 hours', () => {
    fc.assert(
      fc.property(
        fc.tuple(numbers(25), numbers(61), numbers(61)),
        fc.tuple(fc.constantFrom('+', '-'), numbers(25), numbers(61)),
        ([hour, minute, second], [sign, hours, minutes]) => {
          const isTime = hour < 24 && minute < 60 && second < 60;
          const isOffset = minutes < 60 && hours * 60 + minutes <= 14 * 60;
          const reading = readTime(
            `2026-11-20T${[hour, minute, second].map(two).join(':')}${sign}${two(hours)}:${two(minutes)}`,
            NOW,
          );
          const local = Date.UTC(2026, 10, 20, hour, minute, second);
          const at = local - Number(`${sign}1`) * (hours * 60 + minutes) * 60_000;
          expect('at' in reading ? reading.at : undefined).toBe(isTime && isOffset ? at : undefined);
        },
      ),
    );
  });

  it('is parsed without an exception to a time in the years 1970 to 2999, whatever the text', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.date({ noInvalidDate: false }).map(String), fc.stringMatching(RANDOM)),
        (text) => {
          const time = parseTime(text, NOW);
          expect(time === undefined || (time >= 0 && time < 32_503_680_000_000)).toBe(true);
        },
      ),
    );
  });
});

const RANDOM = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)$/;

const instants = fc
  .tuple(fc.integer({ min: 0, max: 32_503_679_999_999 }), fc.constantFrom(1, 10, 1_000, 60_000))
  .map(([at, unit]) => at - (at % unit));
const offsets = fc.integer({ min: -14 * 60, max: 14 * 60 });
/** Digits of a fraction beyond the milliseconds. */
const decimals = fc.stringMatching(/^\d{0,6}$/);
const years = fc.integer({ min: 1970, max: 2999 });
const numbers = (max: number) => fc.integer({ min: 0, max });
const two = (number: number) => String(number).padStart(2, '0');
const daysIn = (year: number, month: number) => new Date(Date.UTC(year, month, 0)).getUTCDate();

/** Returns the spellings of an instant with an offset in minutes. */
function spellings(at: number, offset: number, digits: string): string[] {
  const local = new Date(at + offset * 60_000).toISOString().slice(0, -1);
  const [hours, minutes] = [two(Math.floor(Math.abs(offset) / 60)), two(Math.abs(offset) % 60)];
  const sign = offset < 0 ? '-' : '+';
  const zones = [`${sign}${hours}:${minutes}`, `${sign}${hours}${minutes}`, ...(offset === 0 ? ['Z'] : [])];
  const times = [
    `${local}${digits}`,
    ...(local.endsWith('0') ? [local.slice(0, -1)] : []),
    ...(local.endsWith('.000') ? [local.slice(0, -4)] : []),
    ...(local.endsWith(':00.000') ? [local.slice(0, -7)] : []),
  ];
  return times.flatMap((time) => zones.map((zone) => `${time}${zone}`));
}
