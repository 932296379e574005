import { Readable } from 'node:stream';
import { StreamableFile } from '@nestjs/common';
import { currentCaller } from '../fairness/working-for.js';
import { ownTurn } from '../loop/slices.js';
import type { WrittenText } from './written-text.js';

/**
 * Characters up to which an answer is sent as one string; a longer answer is streamed in parts, as fast as the client reads.
 */
const MAX_WHOLE_CHARACTERS = 1024 * 1024;

/** Joins texts to the body of an answer; each part is written in a turn of the event loop of its own. */
export async function bodyOf(...texts: readonly (WrittenText | string)[]): Promise<string | StreamableFile> {
  const parts = texts.flatMap((text) => (typeof text === 'string' ? [text] : text.parts));
  const length = texts.reduce((sum, text) => sum + text.length, 0);
  await ownTurn();
  return length <= MAX_WHOLE_CHARACTERS
    ? parts.join('')
    : new StreamableFile(Readable.from(inTurns(parts, currentCaller())));
}

async function* inTurns(parts: readonly string[], caller: string | undefined): AsyncGenerator<string> {
  for (const part of parts) {
    await ownTurn(caller);
    yield part;
  }
}
