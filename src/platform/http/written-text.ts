import { createHash } from 'node:crypto';
import { inSlices } from '../loop/slices.js';

/** Text of an answer in parts, with a digest for its ETag. */
export interface WrittenText {
  readonly parts: readonly string[];
  /** Length of all parts, characters. */
  readonly length: number;
  readonly digest: string;
}

/** Characters of a part; hashing, encoding or sending a part takes well below a millisecond. */
const PART_LENGTH = 64 * 1024;

/** Joins the pieces to parts in slices, so that a long answer does not delay other requests. */
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

/** Yields a finished part, or undefined after a piece that did not finish one: the caller may pause at every yield. */
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
