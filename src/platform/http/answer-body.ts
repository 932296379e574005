import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { currentCaller } from '../fairness/working-for.js';
import { ownTurn } from '../loop/slices.js';
import type { WrittenText } from './written-text.js';

/** Characters up to which an answer is sent at once; a longer one is sent in parts, as its reader accepts them. */
const MAX_WHOLE = 1024 * 1024;

/** Returns the body of an answer from texts, one after the other, each in a turn of its own. */
export async function bodyOf(...texts: readonly (WrittenText | string)[]): Promise<string | StreamableFile> {
  const parts = texts.flatMap((text) => (typeof text === 'string' ? [text] : text.parts));
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  await ownTurn();
  return length <= MAX_WHOLE ? parts.join('') : new StreamableFile(Readable.from(inTurns(parts, currentCaller())));
}

async function* inTurns(parts: readonly string[], caller: string | undefined): AsyncGenerator<string> {
  for (const part of parts) {
    await ownTurn(caller);
    yield part;
  }
}
