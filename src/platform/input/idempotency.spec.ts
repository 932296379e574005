import { expect, it } from 'vitest';
import { bodyHash, idempotencyKeyOf, refuseOtherBody } from './idempotency.js';

it('An Idempotency-Key is 1 to 200 visible ASCII characters', () => {
  for (const key of ['a', '!~', 'x'.repeat(200)]) expect(idempotencyKeyOf(key)).toBe(key);
  expect(idempotencyKeyOf(undefined)).toBeUndefined();
  for (const wrong of ['', 'a b', 'ä', 'x'.repeat(201), ['a', 'b']]) {
    expect(() => idempotencyKeyOf(wrong)).toThrow('Idempotency-Key must be 1 to 200 visible ASCII characters.');
  }
});

it('An Idempotency-Key that was used with another body is a conflict', () => {
  expect(() => refuseOtherBody(bodyHash({ name: 'a' }), bodyHash({ name: 'a' }))).not.toThrow();
  expect(() => refuseOtherBody(bodyHash({ name: 'a' }), bodyHash({ name: 'b' }))).toThrow('used with another body');
});
