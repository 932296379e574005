import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
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

  it.each([
    ['a sender that goes', (stream: PassThrough) => stream.destroy(new Error('gone')), 'gone'],
    ['a line that is too long', (stream: PassThrough) => stream.write('x'.repeat(70_000)), '65536 bytes'],
  ])('tell who asks for them of %s while a full batch is written, and nobody else', async (_, fault, reason) => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    const stream = new PassThrough();
    const batches = lineBatches(stream);
    stream.write(Array.from({ length: 5_000 }, (_, value) => line(value)).join(''));
    expect((await batches.next()).value).toHaveLength(5_000);
    fault(stream);
    await sleep(20);
    await expect(batches.next()).rejects.toThrow(reason);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});
