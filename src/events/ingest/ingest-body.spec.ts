import { PassThrough, Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { DomainError } from '../../platform/errors/domain-error.js';
import { lineBatches, withTaken } from './ingest-body.js';
import { BadItem } from './item-fields.js';
import { quietFor } from '../../../test/support/wait-for.js';

const line = (value: number) => `${JSON.stringify({ value })}\n`;

describe('the lines of an ingest request body', () => {
  it('are grouped into batches of at most 5000 lines', async () => {
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

  it('are grouped into smaller batches if the lines are long', async () => {
    const long = `${JSON.stringify('x'.repeat(60_000))}\n`;
    const sizes: number[] = [];
    for await (const batch of lineBatches(Readable.from(Array.from({ length: 200 }, () => Buffer.from(long))))) {
      sizes.push(batch.length);
    }
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(200);
    expect(Math.max(...sizes)).toBeLessThan(70);
  });

  it.each([
    ['empty', '\n', 300_000],
    ['invalid JSON', 'x\n', 20_000],
    ['short', '{}\n', 100_000],
  ])('are read in steps that yield to the event loop, even if thousands of lines are %s', async (_, text, count) => {
    const stream = new PassThrough();
    stream.end(text.repeat(count));
    let turns = 0;
    const turn = () => {
      turns++;
      counting = setImmediate(turn);
    };
    let counting = setImmediate(turn);
    for await (const _batch of lineBatches(stream));
    clearImmediate(counting);
    expect(turns).toBeGreaterThan(5);
  });

  it('are delivered immediately if the sender is slow', async () => {
    const stream = new PassThrough();
    const batches = lineBatches(stream);
    for (let value = 0; value < 3; value++) {
      stream.write(line(value));
      expect(await batches.next()).toEqual({ done: false, value: [{ value }] });
    }
    stream.end();
    expect(await batches.next()).toEqual({ done: true, value: undefined });
  });

  it('are counted in the error if the request is refused after some accepted lines', async () => {
    const refusal = new DomainError('payload_too_large', 'The body is too large.');
    const stream = async function* (count: number): AsyncGenerator<unknown[]> {
      for (let batch = 0; batch < count; batch++) yield [1, 2];
      throw refusal;
    };
    const all = async (count: number) => {
      for await (const _batch of withTaken(stream(count)));
    };
    await expect(all(2)).rejects.toThrow(
      'The body is too large. The first 4 lines were processed; send only the others again.',
    );
    await expect(all(0)).rejects.toBe(refusal);
  });

  it('can be abandoned by the reader while the sender is idle', async () => {
    const stream = new PassThrough();
    const batches = lineBatches(stream);
    stream.write(line(1));
    await batches.next();
    expect(await batches.return(undefined)).toEqual({ done: true, value: undefined });
    stream.destroy(new Error('gone'));
  });

  it('are rejected one by one if too long or not UTF-8, wherever a chunk ends', async () => {
    const bytes = Buffer.concat([
      Buffer.from(`${line(1)}${'x'.repeat(200_000)}\n`),
      Buffer.from('{"value":"caf\xe9"}\n', 'latin1'),
      Buffer.from(`${line(2)}${'y'.repeat(65_537)}\n${line(3)}${'z'.repeat(70_000)}`),
    ]);
    for (const size of [1_000, 65_536, bytes.length]) {
      const stream = new PassThrough();
      for (let at = 0; at < bytes.length; at += size) stream.write(bytes.subarray(at, at + size));
      stream.end();
      const seen: unknown[] = [];
      for await (const batch of lineBatches(stream)) seen.push(...batch);
      expect(seen.map((item) => (item instanceof BadItem ? item.code : item))).toEqual([
        { value: 1 },
        'too_long',
        'invalid_format',
        { value: 2 },
        'too_long',
        { value: 3 },
        'too_long',
      ]);
    }
  });

  it('raise an error for the reader if the connection is lost, without an unhandled rejection', async () => {
    const unhandled: unknown[] = [];
    const note = (error: unknown) => unhandled.push(error);
    process.on('unhandledRejection', note);
    const stream = new PassThrough();
    const batches = lineBatches(stream);
    stream.write(Array.from({ length: 5_000 }, (_, value) => line(value)).join(''));
    // On a busy machine a batch ends with its slice of the event loop.
    for (let read = 0; read < 5_000;) {
      const { value } = await batches.next();
      expect(value).not.toBeUndefined();
      read += value?.length ?? 0;
    }
    stream.destroy(new Error('gone'));
    await quietFor(20);
    await expect(batches.next()).rejects.toThrow('gone');
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});
