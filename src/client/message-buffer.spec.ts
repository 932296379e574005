import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import type { DefiEvent, StreamMessage } from './events.js';
import { MessageBuffer } from './message-buffer.js';

const price = (token: string, currentPrice: number, cursor: number) =>
  ({
    eventType: 'price_change',
    eventId: String(cursor),
    cursor: `k-${String(cursor).padStart(11, '0')}`,
    token,
    currentPrice,
  }) as unknown as DefiEvent;

async function drain(buffer: MessageBuffer): Promise<StreamMessage[]> {
  const read: StreamMessage[] = [];
  buffer.end();
  for await (const message of buffer) read.push(message);
  return read;
}

it('an iterator that is not read keeps at most 10,000 messages: the newest per key, and says so', async () => {
  const buffer = new MessageBuffer(() => {});
  for (let at = 0; at < 25_000; at++) buffer.push(price(`token-${at % 7}`, at, at));
  const read = await drain(buffer);
  expect(read.length).toBeLessThanOrEqual(10_000);
  expect(read[0]).toMatchObject({ eventType: 'gap', reason: 'slow_consumer' });
  const newest = new Map(
    read.flatMap((one) => (one.eventType === 'price_change' ? [[one.token, one.currentPrice]] : [])),
  );
  expect([...newest.values()].sort((a, b) => a - b)).toEqual([24_993, 24_994, 24_995, 24_996, 24_997, 24_998, 24_999]);
});

it('an iterator is bounded with any number of keys', async () => {
  const buffer = new MessageBuffer(() => {});
  for (let at = 0; at < 60_000; at++) buffer.push(price(`token-${at}`, at, at));
  const read = await drain(buffer);
  expect(read.length).toBeLessThanOrEqual(10_000);
  expect(read.at(-1)).toMatchObject({ token: 'token-59999' });
});

it('an iterator gives every message once and in order, however pushes and reads alternate', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 200 }), async (steps) => {
      const buffer = new MessageBuffer(() => {});
      const reads: Promise<IteratorResult<StreamMessage, undefined>>[] = [];
      let pushed = 0;
      for (const isPush of steps) {
        if (isPush) buffer.push(price('token', pushed, pushed++));
        else reads.push(buffer.next());
      }
      buffer.end();
      const results = await Promise.all(reads);
      const values = results.flatMap(({ value }) => (value?.eventType === 'price_change' ? [value.currentPrice] : []));
      expect(values).toEqual([...Array(Math.min(pushed, reads.length)).keys()]);
    }),
  );
});
