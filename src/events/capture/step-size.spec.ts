import { expect, it } from 'vitest';
import { MAX_STEP, StepSize } from './step-size.js';

it('the sequencer takes smaller steps after a failed or slow one, down to single events, and grows with full quick ones', () => {
  const size = new StepSize();
  size.failed();
  expect(size.limit).toBe(625);
  size.took(2_000, true);
  expect(size.limit).toBe(312);
  size.took(5, false);
  size.took(500, true);
  expect(size.limit).toBe(312);
  for (let n = 0; n < 5; n++) size.failed();
  expect(size.limit).toBe(1);
  for (let n = 0; n < 20; n++) size.took(50, true);
  expect(size.limit).toBe(MAX_STEP);
});
