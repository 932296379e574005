import { once } from 'node:events';
import type { Writable } from 'node:stream';
import fc from 'fast-check';
import * as ws from 'ws';
import { describe, expect, it } from 'vitest';
import { textFrame } from './text-frame.js';

// Receiver with which every `ws` client reads; missing in the published types.
const { Receiver } = ws as unknown as { Receiver: new (options: { isServer: boolean }) => Writable };

/** Reads a frame with a client's parser. */
async function read(frame: Buffer): Promise<string> {
  const receiver = new Receiver({ isServer: false });
  const received = once(receiver, 'message');
  receiver.write(frame);
  const [data, isBinary] = (await received) as [Buffer, boolean];
  expect(isBinary).toBe(false);
  return data.toString('utf8');
}

describe('`textFrame`', () => {
  it.each([0, 1, 125, 126, 127, 65_535, 65_536, 100_000])('encodes a text of %d bytes', async (length) => {
    const text = 'x'.repeat(length);
    expect(await read(textFrame(text))).toBe(text);
  });

  it('encodes any text', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'grapheme', maxLength: 200 }), async (text) => {
        expect(await read(textFrame(text))).toBe(text);
      }),
      { numRuns: 50 },
    );
  });
});
