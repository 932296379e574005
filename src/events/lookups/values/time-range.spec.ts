import { expect, test } from 'vitest';
import { intervalFor } from './time-range.js';

test('A longer time range has a coarser interval', () => {
  const day = 86_400_000;
  const grains = (rawKept: boolean) => [1, 2, 3, 90, 91].map((days) => intervalFor(days * day, rawKept));
  expect(grains(true)).toEqual(['raw', 'raw', '1h', '1h', '1d']);
  expect(grains(false)).toEqual(['1h', '1h', '1h', '1h', '1d']);
});
