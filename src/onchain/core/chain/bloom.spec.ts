import * as fc from 'fast-check';
import { keccak256 } from 'viem';
import { describe, expect, it } from 'vitest';
import { bloomBits, mayContain } from '../index.js';

const bytes = (length: number) =>
  fc
    .uint8Array({ minLength: length, maxLength: length })
    .map((found): `0x${string}` => `0x${Buffer.from(found).toString('hex')}`);
const value = fc.oneof(bytes(20), bytes(32));

/** Bloom as the Yellow Paper writes it: one number of 2,048 bits. */
function naiveBits(of: `0x${string}`): bigint {
  const hash = BigInt(keccak256(of));
  return [240n, 224n, 208n].reduce((bits, shift) => bits | (1n << ((hash >> shift) & 2047n)), 0n);
}

const naiveBloom = (values: readonly `0x${string}`[]) => values.reduce((bits, of) => bits | naiveBits(of), 0n);

const written = (bloom: bigint): `0x${string}` => `0x${bloom.toString(16).padStart(512, '0')}`;

describe('a bloom', () => {
  it('answers as one number of 2,048 bits does, and never denies what it holds', () => {
    fc.assert(
      fc.property(fc.array(value, { maxLength: 200 }), value, (held, other) => {
        const bloom = naiveBloom(held);
        const asked = [...held.slice(0, 5), other];
        const answers = asked.map((one) => mayContain(written(bloom), bloomBits(one)));
        expect(answers).toEqual(asked.map((one) => (bloom & naiveBits(one)) === naiveBits(one)));
        expect(answers.slice(0, -1)).not.toContain(false);
      }),
    );
  });

  it('holds nothing when it is empty, and everything when it is full or none', () => {
    const bits = bloomBits(`0x${'ab'.repeat(20)}`);
    expect(mayContain(written(0n), bits)).toBe(false);
    expect(mayContain(written(2n ** 2048n - 1n), bits)).toBe(true);
    expect(mayContain('0x', bits)).toBe(true);
    expect(mayContain(`0x${'zz'.repeat(256)}`, bits)).toBe(true);
  });
});
