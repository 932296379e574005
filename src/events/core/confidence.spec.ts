import { assert, double, integer, option, property } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { effectiveConfidence } from './confidence.js';

const HOUR = 3_600_000;

describe('`effectiveConfidence`', () => {
  it.each([
    [1, 0, 0.01, 1],
    [0.8, 0, null, 0.8],
    [1, 15 * 60_000, 0.2, 1],
    [1, 15 * 60_000 + 6 * HOUR, 0, 0.5],
    [1, 15 * 60_000 + 12 * HOUR, null, 0.25],
    [1, 0, 0.4, 0.5],
    [1, 0, -0.4, 0.5],
    [1, 0, 50, 0.25],
    [1, -1_000, 0, 1],
  ])('is computed from writer confidence %d, age %d ms and change %s as %d', (writer, age, change, expected) => {
    expect(effectiveConfidence(writer, age, change)).toBe(expected);
  });

  it('stays between 0 and 1 and never exceeds the confidence given by the writer', () => {
    assert(
      property(
        double({ min: 0, max: 1, noNaN: true }),
        integer({ min: -HOUR, max: 10_000 * HOUR }),
        option(double({ min: -1e9, max: 1e9, noNaN: true })),
        (writer, age, change) => {
          const value = effectiveConfidence(writer, age, change);
          expect(value).toBeGreaterThanOrEqual(0);
          expect(value).toBeLessThanOrEqual(writer + 0.0005);
        },
      ),
    );
  });
});
