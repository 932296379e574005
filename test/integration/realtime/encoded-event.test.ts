import { describe, expect, it } from 'vitest';
import { EncodedEvent, type DeliveredEvent } from '../../../src/realtime/core/encoded-event.js';
import { logEvent } from '../../support/realtime-parts.js';

describe('an encoded event', () => {
  const encoded = () => new EncodedEvent(logEvent(1) as DeliveredEvent);

  it('builds a frame once per dialect', () => {
    const event = encoded();
    const made = event.frame('sse', () => ({}));
    expect(event.frame('sse', () => ({}))).toBe(made);
  });

  it('keeps the frames of the first names that clients chose, and only those, so that clients cannot fill the memory', () => {
    const event = encoded();
    const shared = event.variant('name 0', () => ({}));
    for (let n = 1; n < 1_000; n++) event.variant(`name ${n}`, () => ({}));
    expect(event.variant('name 0', () => ({}))).toBe(shared);
    const late = event.variant('name 999', () => ({}));
    expect(event.variant('name 999', () => ({}))).not.toBe(late);
    expect(event.frame('socketio', () => shared)).toBe(shared);
    expect(event.frame('socketio', () => ({}))).toBe(shared);
  });
});
