import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { comparedFigures, figure, movedFigures, unitOf, type Unit } from './figures.js';

const SCALE: Readonly<Record<string, number>> = { M: 1e6, B: 1e9, T: 1e12 };

/** Returns the number that a figure represents. */
function read(text: string): number {
  const [, sign, digits = '', scale] = /^(−?)\$?([\d,.]+)(?: ([MBT%]))?$/.exec(text) ?? [];
  const size = Number(digits.replaceAll(',', '')) * (scale === '%' ? 0.01 : (SCALE[scale ?? ''] ?? 1));
  return sign === '−' ? -size : size;
}

describe('a formatted number', () => {
  it.each<[number, Unit, string]>([
    [1_000, 'usd', '$1,000'],
    [880, 'usd', '$880'],
    [66_933.25, 'usd', '$66,933.25'],
    [0.5, 'usd', '$0.50'],
    [1.5e-9, 'usd', '$0.0000000015'],
    [1e-18, 'usd', '$0.000000000000000001'],
    [0, 'usd', '$0'],
    [-0.000_001, 'usd', '−$0.000001'],
    [999_999.999, 'usd', '$1 M'],
    [999_999_999, 'usd', '$1 B'],
    [999_995_000, 'usd', '$1 B'],
    [999_999_999_999, 'usd', '$1 T'],
    [999_990_000, 'usd', '$999.99 M'],
    [2.68e9, 'usd', '$2.68 B'],
    [2.6e9, 'usd', '$2.60 B'],
    [1.5e21, 'usd', '$1,500,000,000 T'],
    [-0.12, 'percent', '−12 %'],
    [0.07, 'percent', '7 %'],
    [0.106_666, 'percent', '10.67 %'],
    [0.000_012_3, 'percent', '0.0012 %'],
    [-1e-300, 'count', `−0.${'0'.repeat(299)}1`],
    [1_000_002.5, 'count', '1,000,002.5'],
    [12, 'count', '12'],
    [Infinity, 'percent', '∞'],
    [-Infinity, 'usd', '−∞'],
  ])('shows %d in %s as %s', (value, unit, text) => {
    expect(figure(value, unit)).toBe(text);
  });

  it.each<[number, number, Unit, string, string]>([
    [1.0061, 1.002, 'usd', '$1.006', '$1.002'],
    [1.0004, 1, 'usd', '$1.0004', '$1.0000'],
    [110, 100, 'usd', '$110', '$100'],
    [110.5, 100, 'usd', '$110.50', '$100.00'],
    [999_999_999, 1e9, 'usd', '$999.999999 M', '$1 B'],
    [1_000_000.01, 1e6, 'usd', '$1.00000001 M', '$1.00000000 M'],
    [14_550_000, 1e7, 'usd', '$14.55 M', '$10.00 M'],
    [0.000_012_345_66, 0.000_012_345_68, 'usd', '$0.00001234566', '$0.00001234568'],
    [-0.12, -0.1, 'percent', '−12 %', '−10 %'],
    [0.100_001, 0.1, 'percent', '10.0001 %', '10 %'],
    [1_000_002, 1_000_000, 'count', '1,000,002', '1,000,000'],
    [Infinity, 0.1, 'percent', '∞', '10 %'],
    [
      Number.MAX_VALUE,
      Number.MIN_VALUE,
      'percent',
      expect.stringMatching(/^1[\d,]+ %$/),
      expect.stringMatching(/^0\.0+5 %$/),
    ],
  ])('shows %d and %d (%s) with enough digits to differ', (value, threshold, unit, one, other) => {
    expect(comparedFigures(value, threshold, unit)).toEqual([one, other]);
  });

  it.each<[number, number, Unit, string, string]>([
    [88.697738449667, 79.223791079331, 'usd', '$88.70', '$79.22'],
    [1.004_49, 1.005_51, 'usd', '$1.0045', '$1.0055'],
    [2_684_100_000, 2_685_200_000, 'usd', '$2.6841 B', '$2.6852 B'],
    [1_200_345.678, 999_123.4567, 'usd', '$1.20 M', '$999,123.46'],
    [115, 100, 'usd', '$115', '$100'],
    [0.000_012_345_678_9, 0.000_011, 'usd', '$0.0000123457', '$0.000011'],
    [0, 79.223791079331, 'usd', '$0', '$79.22'],
    [100.1, 100.1, 'usd', '$100.10', '$100.10'],
  ])(
    'shows the values %d and %d (%s) of a move by the digits of their difference',
    (current, reference, unit, to, from) => {
      expect(movedFigures(current, reference, unit)).toEqual([to, from]);
    },
  );

  const number = fc.oneof(
    fc.double({ min: -1e290, max: 1e290, noNaN: true }),
    fc.double({ min: -1e13, max: 1e13, noNaN: true }),
    fc.integer({ min: -2000, max: 2000 }).map((n) => 1e13 + n / 512),
    fc.integer({ min: -12, max: 15 }).map((power) => Number(`9.99999999e${power}`)),
  );
  const near = fc
    .tuple(number, fc.constantFrom(1, 1 + 2 ** -52, 1 - 1e-9, 1.000_1, 1.01, 2))
    .map(([a, f]) => [a, a * f]);
  const pair = fc.oneof(near, fc.tuple(number, number)).filter((two) => two.every((each) => Number.isFinite(each)));

  it('differs for different numbers, keeps their order and has no exponent', () => {
    fc.assert(
      fc.property(pair, fc.constantFrom<Unit>('usd', 'percent', 'count'), ([a = 0, b = 0], unit) => {
        const [one, other] = comparedFigures(a, b, unit);
        for (const text of [one, other]) expect(text).toMatch(/^−?\$?\d{1,3}(,\d{3})*(\.\d+)?( [MBT%])?$/);
        expect(one === other).toBe(a === b);
        // Parsing rounds to a double, so that adjacent numbers may become equal.
        expect(Math.sign(read(one) - read(other)) * Math.sign(a - b)).not.toBe(-1);
      }),
      { numRuns: 1_000 },
    );
  });

  it('shows moves with their order, without an exponent, and almost as far apart as they are', () => {
    fc.assert(
      fc.property(pair, fc.constantFrom<Unit>('usd', 'count'), ([a = 0, b = 0], unit) => {
        const [to, from] = movedFigures(a, b, unit);
        for (const text of [to, from]) expect(text).toMatch(/^−?\$?\d{1,3}(,\d{3})*(\.\d+)?( [MBT])?$/);
        expect(Math.sign(read(to) - read(from)) * Math.sign(a - b)).not.toBe(-1);
        const slack = Math.abs(a - b) * 0.11 + (Math.abs(a) + Math.abs(b)) * 1e-14 + Number.MIN_VALUE;
        expect(Math.abs(read(to) - read(from) - (a - b))).toBeLessThanOrEqual(slack);
      }),
      { numRuns: 1_000 },
    );
  });

  it('is close to the original number and has no thousands separator before M or B', () => {
    fc.assert(
      fc.property(number, fc.constantFrom<Unit>('usd', 'percent', 'count'), (value, unit) => {
        const text = figure(value, unit);
        expect(Math.abs(read(text) - value)).toBeLessThanOrEqual(Math.abs(value) * 0.051 + Number.MIN_VALUE);
        expect(text).not.toMatch(/\d,\d.* [MB]$/);
      }),
      { numRuns: 1_000 },
    );
  });

  it('has the unit of its metric', () => {
    expect(['price', 'tvl', 'points', 'change_24h'].map((metric) => unitOf(metric))).toEqual([
      'usd',
      'usd',
      'count',
      'percent',
    ]);
    expect(unitOf('tvl', 'change_pct')).toBe('percent');
  });
});
