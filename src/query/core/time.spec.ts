import fc from 'fast-check';
import { expect, it } from 'vitest';
import { parseIso } from './time.js';

it('`parseIso` accepts every day of the calendar and refuses days such as 30 February', () => {
  const two = (n: number) => String(n).padStart(2, '0');
  fc.assert(
    fc.property(
      fc.integer({ min: 1970, max: 2999 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 31 }),
      fc.constantFrom('', 'T00:00:00Z', 'T23:59:59.999+00:00'),
      (year, month, day, rest) => {
        const isThere = day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
        const midnight = Date.UTC(year, month - 1, day);
        const right = rest.startsWith('T23') ? midnight + 86_399_999 : midnight;
        const found = parseIso(`${year}-${two(month)}-${two(day)}${rest}`);
        expect(found).toBe(isThere ? right : undefined);
      },
    ),
  );
});

it('`parseIso` accepts an offset that moves the time to another day in UTC', () => {
  expect(parseIso('2026-03-01T00:30:00+01:00')).toBe(Date.UTC(2026, 1, 28, 23, 30));
});
