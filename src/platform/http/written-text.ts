import { createHash } from 'node:crypto';
import { inSlices } from '../loop/slices.js';

/** Text of an answer, in parts, and a digest that identifies it. */
export interface WrittenText {
  readonly parts: readonly string[];
  /** Length of all parts, characters. */
  readonly length: number;
  readonly digest: string;
}

/** Characters of a part: takes well below a millisecond to hash, to encode, or to send. */
const PART_LENGTH = 64 * 1024;

/** Writes the pieces in slices, so that no other request waits for a long answer. */
export async function writeInSlices(pieces: Iterable<string>): Promise<WrittenText> {
  const hashing = createHash('sha1');
  let length = 0;
  const parts = await inSlices(
    partsOf(pieces, (part) => {
      hashing.update(part);
      length += part.length;
    }),
    'answers',
  );
  return { parts: parts.filter((part) => part !== undefined), length, digest: hashing.digest('base64url') };
}

/** Yields undefined between two parts, where the work may pause. */
function* partsOf(pieces: Iterable<string>, finish: (part: string) => void): Generator<string | undefined> {
  let begun = '';
  for (const piece of pieces) {
    begun += piece;
    if (begun.length < PART_LENGTH) {
      yield undefined;
      continue;
    }
    finish(begun);
    yield begun;
    begun = '';
  }
  finish(begun);
  yield begun;
}
