import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DAY_MS, formatPoints, microPoints, parsePoints } from './amounts.js';

describe('points as text', () => {
  it.each([
    [0n, '0'],
    [1n, '0.000001'],
    [1_500_000n, '1.5'],
    [140_000_000n, '140'],
    [-250_000n, '-0.25'],
    [10n ** 40n, `1${'0'.repeat(34)}`],
  ])('writes %s micro-points as %s', (micro, text) => {
    expect(formatPoints(micro)).toBe(text);
  });

  it('reads what it writes, whatever the size', () => {
    fc.assert(fc.property(fc.bigInt(0n, 10n ** 60n), (micro) => parsePoints(formatPoints(micro)) === micro));
  });

  it.each(['', '-1', '1.', '.5', '1.0000001', '1e3', ' 1', '1,5', '9'.repeat(61)])('refuses %j', (text) => {
    expect(parsePoints(text)).toBeUndefined();
  });
});

describe('micro-points of a numerator', () => {
  it('are rounded down, also below zero', () => {
    expect(microPoints(DAY_MS - 1n)).toBe(0n);
    expect(microPoints(DAY_MS)).toBe(1n);
    expect(microPoints(-1n)).toBe(-1n);
    expect(microPoints(-DAY_MS)).toBe(-1n);
  });
});
