import type { BlockHeader } from '../model/block.js';
import type { Hash } from '../model/hex.js';
import { keccak } from '../model/keccak.js';

type Bloom = BlockHeader['logsBloom'];

/** The three bits, from 0 to 2,047, that an address or topic sets in a bloom. */
export type BloomBits = readonly number[];

/** Characters of a bloom: `0x` and 256 bytes. */
const BLOOM_CHARACTERS = 2 + 512;

/** Computes the bits of a topic or an address, to be done once: hashing costs far more than asking a bloom. */
export function bloomBits(value: Hash): BloomBits {
  const hash = keccak(Buffer.from(value.slice(2), 'hex'));
  return [0, 2, 4].map((at) => (((hash[at] ?? 0) << 8) | (hash[at + 1] ?? 0)) & 2047);
}

/**
 * Says whether a block may have a log with the address or topic of these bits. A no is certain; a yes may be chance. A
 * bloom that is none is a yes, so that it can never hide a log.
 */
export function mayContain(bloom: Bloom, bits: BloomBits): boolean {
  if (bloom.length !== BLOOM_CHARACTERS) return true;
  return bits.every((bit) => {
    const digit = Number.parseInt(bloom.charAt(BLOOM_CHARACTERS - 1 - (bit >> 2)), 16);
    return Number.isNaN(digit) || (digit & (1 << (bit & 3))) !== 0;
  });
}
