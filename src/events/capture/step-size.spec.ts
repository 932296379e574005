import { expect, it } from 'vitest';
import type { LogEvent } from '../core/log-event.js';
import { MAX_STEP, StepSize } from './step-size.js';

const step = (events: number, isFull: boolean) => ({ batch: Array<LogEvent>(events), isFull });

it('the sequencer takes smaller steps after a failed or slow one, down to single events, and grows with full quick ones', () => {
  const size = new StepSize();
  size.failed();
  expect(size.limit).toBe(625);
  size.took(2_000, step(625, true));
  expect(size.limit).toBe(312);
  size.took(5, step(3, false));
  size.took(500, step(312, true));
  expect(size.limit).toBe(312);
  for (let n = 0; n < 5; n++) size.failed();
  expect(size.limit).toBe(1);
  for (let n = 0; n < 20; n++) size.took(50, step(size.limit, true));
  expect(size.limit).toBe(MAX_STEP);
});

it('after a step that large data has cut, the next one looks at few events', () => {
  const size = new StepSize();
  size.took(20, step(2, true));
  expect(size.limit).toBe(32);
  size.took(20, step(20, true));
  expect(size.limit).toBe(32);
  size.took(20, step(32, true));
  expect(size.limit).toBe(64);
});
