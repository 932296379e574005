import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTime, readTime, type TimeForms } from './read-time.js';

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
    ['now-99999w', '1970-01-01T00:00:00.000Z'],
    ['2026-11-20', '2026-11-20T00:00:00.000Z'],
    ['1700000000000', '2023-11-14T22:13:20.000Z'],
  ])('%s is read as %s if the field accepts ranges, and is refused in other fields', (given, expected) => {
    expect(read(given, { ranges: true })).toBe(expected);
    expect(read(given)).toContain('must be ISO 8601 with a zone');
  });

  it.each([
    ['2026-02-30T00:00:00Z', '2026-02-30 does not exist'],
    ['2026-02-30', '2026-02-30 does not exist'],
    ['2026-13-01T00:00Z', '2026-13-01 does not exist'],
    ['2026-11-20T25:00:00Z', 'must be ISO 8601'],
    ['2026-11-20T10:00:00', 'no zone'],
    ['2026-11-20 10:00:00', 'no zone'],
    ['1700000000', 'looks like Unix seconds'],
    ['1700000000.5', 'looks like Unix seconds'],
    ['1700000000000.5', 'must be ISO 8601'],
    ['99999999999999999', 'years 1970 to 2999'],
    ['1969-12-31T23:59:59Z', 'years 1970 to 2999'],
    ['3000-01-01T00:00:00Z', 'years 1970 to 2999'],
    ['yesterday', 'must be ISO 8601'],
    ['', 'must be ISO 8601'],
    [1_700_000_000_000, 'must be ISO 8601'],
    [null, 'must be ISO 8601'],
    [{}, 'must be ISO 8601'],
  ])('%j is refused with a reason', (given, fault) => {
    expect(read(given, { ranges: true })).toContain(fault);
  });

  it('may be a number of Unix milliseconds if the field allows it, but not of Unix seconds', () => {
    expect(read(1_700_000_000_000, { milliseconds: true })).toBe('2023-11-14T22:13:20.000Z');
    for (const seconds of [0, 1_700_000_000, 1_700_000_000.25]) {
      expect(read(seconds, { milliseconds: true })).toContain('looks like Unix seconds');
    }
    for (const wrong of [-1, Number.NaN, Number.POSITIVE_INFINITY, 1.7e18]) {
      expect(read(wrong, { milliseconds: true })).toContain('must be');
    }
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
