/** Account or contract: 40 hexadecimal digits, always in lower case. */
export type Address = `0x${string}`;

/** Hash of a block or transaction, or a topic: 64 hexadecimal digits, always in lower case. */
export type Hash = `0x${string}`;

const ADDRESS = /^0x[0-9a-f]{40}$/;
const HASH = /^0x[0-9a-f]{64}$/;
/** Leading zeros are against the protocol, but some nodes send them: up to 16 digits are read. */
const QUANTITY = /^0x[0-9a-f]{1,16}$/i;

/** Stands for "nobody": the sender of a mint and the receiver of a burn. */
export const ZERO_ADDRESS: Address = `0x${'0'.repeat(40)}`;

function isAddress(text: string): text is Address {
  return ADDRESS.test(text);
}

function isHash(text: string): text is Hash {
  return HASH.test(text);
}

/** Folds an address to lower case; checksums are not checked. Anything else is `undefined`. */
export function parseAddress(value: unknown): Address | undefined {
  if (typeof value !== 'string' || value.length !== 42) return undefined;
  const folded = value.toLowerCase();
  return isAddress(folded) ? folded : undefined;
}

/** Folds a 32-byte hash to lower case. Anything else is `undefined`. */
export function parseHash(value: unknown): Hash | undefined {
  if (typeof value !== 'string' || value.length !== 66) return undefined;
  const folded = value.toLowerCase();
  return isHash(folded) ? folded : undefined;
}

/** Reads a quantity of JSON-RPC (`0x1b4`) from 0 to `highest` (at most 2^53 − 1). Anything else is `undefined`. */
export function parseQuantity(value: unknown, highest: number = Number.MAX_SAFE_INTEGER): number | undefined {
  if (typeof value !== 'string' || !QUANTITY.test(value)) return undefined;
  const number = Number.parseInt(value, 16);
  return number <= highest ? number : undefined;
}
