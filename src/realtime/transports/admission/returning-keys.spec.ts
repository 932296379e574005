import { expect, it } from 'vitest';
import { ReturningKeys } from './returning-keys.js';

const MINUTE = 60_000;

const begun = () => {
  const clock = { at: 5_000, now: () => 0, elapsed: () => clock.at };
  const keys = new ReturningKeys(clock);
  const returns = (times: number, { address = 'a', most = 3 } = {}) =>
    Array.from({ length: times }, () => keys.isReturn('k', address, most)).filter(Boolean).length;
  return { clock, keys, returns };
};

it('a key may reconnect once per connection that ended within a minute at the same address', () => {
  const { clock, keys, returns } = begun();
  clock.at += MINUTE;
  expect(returns(1)).toBe(0);
  for (let n = 0; n < 4; n++) keys.left('k', 'a');
  expect(returns(9, { address: 'b' })).toBe(0);
  expect(returns(1)).toBe(1);
  expect(returns(9)).toBe(3);
  keys.left('k', 'a');
  clock.at += MINUTE;
  expect(returns(1)).toBe(0);
});

it('in the first minute of a process, a key may reconnect up to its connection limit', () => {
  const { clock, returns } = begun();
  expect(returns(9)).toBe(3);
  expect(returns(9, { address: 'b', most: 0 })).toBe(9);
  clock.at += MINUTE;
  expect(returns(9, { address: 'c' })).toBe(0);
});
