import type { Address } from '../model/hex.js';

/** Hexadecimal digits of one word of 32 bytes. */
export const WORD_DIGITS = 64;
const WORD_PADDING = '0'.repeat(24);
const SPACE = 0x20;
const LETTER_F = 0x66;
const HEX_BYTES = /^0x(?:[0-9a-f]{2})*$/i;

/** Says whether text is whole bytes in hexadecimal, after `0x`. */
export function isHexBytes(text: unknown): text is string {
  return typeof text === 'string' && (text === '0x' || HEX_BYTES.test(text));
}

/** Says whether an item of `topics` is as long as a topic; its digits are checked where they are read. */
export function isTopicLong(topic: unknown): topic is string {
  return typeof topic === 'string' && topic.length === WORD_DIGITS + 2 && topic.startsWith('0x');
}

/** Reads the address in a topic. Padding that is not zero, or other characters than digits: `undefined`. */
export function addressOfTopic(topic: string): Address | undefined {
  // BigInt() checks digits twice as fast as a regular expression does.
  return numberOfTopic(topic) === undefined ? undefined : addressAt(topic, 2);
}

/** Reads the address in the word whose digits begin at `at`, of text that `isHexBytes`. Padding not zero: `undefined`. */
export function addressAt(bytes: string, at: number): Address | undefined {
  if (!bytes.startsWith(WORD_PADDING, at)) return undefined;
  return `0x${bytes.slice(at + WORD_PADDING.length, at + WORD_DIGITS).toLowerCase()}`;
}

/** Reads the unsigned number in a topic. Other characters than digits: `undefined`. */
export function numberOfTopic(topic: string): bigint | undefined {
  // BigInt() refuses all but digits, white space at the end excepted, which stands below or above them.
  const end = topic.charCodeAt(topic.length - 1);
  if (end <= SPACE || end > LETTER_F) return undefined;
  try {
    return BigInt(topic);
  } catch {
    return undefined;
  }
}

/** Reads the unsigned number in the word whose digits begin at `at`, of text that `isHexBytes`. */
export function numberAt(bytes: string, at: number): bigint {
  return BigInt(`0x${bytes.slice(at, at + WORD_DIGITS)}`);
}
