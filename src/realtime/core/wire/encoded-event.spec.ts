import { describe, expect, it } from 'vitest';
import { EncodedEvent, EventEncoder, type DeliveredEvent } from './encoded-event.js';
import { aTvlChange } from '../../../../test/support/data/log-event.js';

const delivered = (seq: number) => aTvlChange(seq) as DeliveredEvent;
const format = () => ({ build: (event: EncodedEvent) => Buffer.from(event.text) });

describe('an encoded event', () => {
  const encoded = () => new EncodedEvent(delivered(1));

  it('builds a frame once per dialect', () => {
    const event = encoded();
    const [first, second] = [format(), format()];
    const made = event.frame(first);
    expect(event.frame(first)).toBe(made);
    expect(event.frame(second)).not.toBe(made);
    expect(event.frame(first)).toBe(made);
  });

  it('caches frames only for the first client-chosen names, which bounds the memory', () => {
    const event = encoded();
    const build = (_: EncodedEvent, name: string) => Buffer.from(name);
    const shared = event.variant('name 0', build);
    for (let n = 1; n < 1_000; n++) event.variant(`name ${n}`, build);
    expect(event.variant('name 0', build)).toBe(shared);
    const late = event.variant('name 999', build);
    expect(late.toString()).toBe('name 999');
    expect(event.variant('name 999', build)).not.toBe(late);
  });
});

describe('the encoder', () => {
  it('returns the same encoded form for the same event object', () => {
    const encoder = new EventEncoder();
    const event = delivered(1);
    expect(encoder.of(event)).toBe(encoder.of(event));
    expect(encoder.of(delivered(1))).not.toBe(encoder.of(event));
  });

  it('drops the oldest frames beyond its memory limit, and encodes them again on request', () => {
    const room = 100_000;
    const encoder = new EventEncoder(undefined, room);
    const dialect = format();
    const events = Array.from({ length: 1_000 }, (_, n) => delivered(n + 1));
    const frames = events.map((event) => encoder.of(event).frame(dialect));
    expect(encoder.bytes).toBeLessThanOrEqual(room);
    expect(encoder.bytes).toBeGreaterThan(room / 2);
    const [oldest, newest] = [events[0], events.at(-1)];
    if (!oldest || !newest) throw new Error('no events');
    expect(encoder.of(newest).frame(dialect)).toBe(frames.at(-1));
    expect(encoder.of(oldest).frame(dialect)).not.toBe(frames[0]);
    expect(encoder.of(oldest).frame(dialect)).toEqual(frames[0]);
    expect(encoder.bytes).toBeLessThanOrEqual(room);
  });

  it('does not count frames built later for a dropped event', () => {
    const encoder = new EventEncoder(undefined, 1);
    const forgotten = encoder.of(delivered(1));
    encoder.of(delivered(2));
    const { bytes } = encoder;
    expect(forgotten.frame(format()).toString()).toBe(forgotten.text);
    expect(encoder.bytes).toBe(bytes);
  });
});
