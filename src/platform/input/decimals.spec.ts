import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareDecimals, parseDecimal } from './decimals.js';

/** Decimal texts and their values in units of 10^-18. */
const decimals = fc.bigInt(-(10n ** 60n), 10n ** 60n).map((units) => {
  const size = units < 0n ? -units : units;
  const fraction = String(size % 10n ** 18n).padStart(18, '0');
  return { units, text: `${units < 0n ? '-' : ''}00${size / 10n ** 18n}.${fraction}` };
});

it('decimal texts are read without superfluous zeros and compared by value', () => {
  fc.assert(
    fc.property(decimals, decimals, (left, right) => {
      const [a, b] = [parseDecimal(left.text)!, parseDecimal(right.text)!];
      expect(a).not.toMatch(/^-?0\d|\.\d*0$|\.$|^-0$/);
      expect(Math.sign(compareDecimals(a, b))).toBe(left.units < right.units ? -1 : left.units > right.units ? 1 : 0);
      expect(parseDecimal(a)).toBe(a);
    }),
  );
});

it.each([
  '',
  '.',
  '1.',
  '.5',
  '1e3',
  '0x1',
  ' 1',
  '--1',
  '1.1234567890123456789',
  '9'.repeat(81),
  '0'.repeat(1e6),
  1,
  null,
])('anything else is no decimal text: %s', (value) => {
  expect(parseDecimal(value)).toBeUndefined();
});
