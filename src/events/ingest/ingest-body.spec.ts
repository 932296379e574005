import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { lineBatches } from './ingest-body.js';

const line = (value: number) => `${JSON.stringify({ value })}\n`;

describe('the lines of a stream', () => {
  it('come in full batches as long as there are enough of them', async () => {
    const stream = new PassThrough();
    stream.end(Array.from({ length: 12_000 }, (_, value) => line(value)).join(''));
    const sizes: number[] = [];
    const seen: unknown[] = [];
    for await (const batch of lineBatches(stream)) {
      sizes.push(batch.length);
      seen.push(...batch);
    }
    expect(seen).toEqual(Array.from({ length: 12_000 }, (_, value) => ({ value })));
    expect(sizes.every((size) => size <= 5_000)).toBe(true);
  });

  it('do not wait for more when the sender is slow', async () => {
    const stream = new PassThrough();
    const batches = lineBatches(stream);
    for (let value = 0; value < 3; value++) {
      stream.write(line(value));
      expect(await batches.next()).toEqual({ done: false, value: [{ value }] });
    }
    stream.end();
    expect(await batches.next()).toEqual({ done: true, value: undefined });
  });

  it('can be left while the sender is silent, however it ends', async () => {
    const stream = new PassThrough();
    const batches = lineBatches(stream);
    stream.write(line(1));
    await batches.next();
    expect(await batches.return(undefined)).toEqual({ done: true, value: undefined });
    stream.destroy(new Error('gone'));
  });
});
