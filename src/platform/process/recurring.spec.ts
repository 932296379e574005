import { expect, it } from 'vitest';
import { Recurring } from './recurring.js';

it('a recurring task repeats after a failure, and `end` waits for the run in progress', async () => {
  const failures: unknown[] = [];
  let times = 0;
  let underWay = false;
  const recurring = await new Promise<Recurring>((resolve) => {
    const made: Recurring = new Recurring(
      0,
      async () => {
        times += 1;
        if (times === 1) throw new Error('once');
        underWay = true;
        resolve(made);
        await new Promise((done) => setTimeout(done, 10));
        underWay = false;
      },
      (error) => failures.push(error),
    );
    made.begin();
    made.begin();
  });
  await recurring.end();
  expect([times, underWay, failures]).toEqual([2, false, [new Error('once')]]);
  await new Promise((done) => setTimeout(done, 10));
  expect(times).toBe(2);
});

it('a recurring task can be ended before it has begun', async () => {
  await expect(
    new Recurring(
      0,
      async () => undefined,
      () => undefined,
    ).end(),
  ).resolves.toBeUndefined();
});
