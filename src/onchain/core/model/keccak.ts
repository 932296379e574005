import { keccak_256 } from '@noble/hashes/sha3';

/** Returns the hash of a text or of bytes that Ethereum uses. */
export function keccak(value: string | Uint8Array): Uint8Array {
  return keccak_256(value);
}
