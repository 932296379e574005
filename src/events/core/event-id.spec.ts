import { assert, integer, property, string, tuple } from 'fast-check';
import { describe, expect, it } from 'vitest';
import { epochHash, eventId, parseEventId } from './event-id.js';

const position = tuple(
  integer({ min: 0, max: 2 ** 47 }),
  integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
  string({ minLength: 1, maxLength: 12 }),
);

describe('event ids', () => {
  it('are UUIDv7s that contain time, sequence number and epoch hash', () => {
    assert(
      property(position, ([loggedAt, seq, epoch]) => {
        const id = eventId({ loggedAt, seq, epoch });
        expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
        expect(parseEventId(id)).toEqual({ loggedAt, seq, epochHash: epochHash(epoch) });
      }),
    );
  });

  it('sort in the order of the event log', () => {
    assert(
      property(position, integer({ min: 1, max: 5_000 }), ([loggedAt, seq, epoch], step) => {
        const safe = Math.min(seq, Number.MAX_SAFE_INTEGER - step);
        const first = eventId({ loggedAt, seq: safe, epoch });
        expect(eventId({ loggedAt, seq: safe + step, epoch }) > first).toBe(true);
        expect(eventId({ loggedAt: loggedAt + 1, seq: 0, epoch }) > first).toBe(true);
      }),
    );
  });

  it('differ between epochs of the event log', () => {
    const at = { loggedAt: 1_795_000_000_000, seq: 7 };
    expect(eventId({ ...at, epoch: 'aaaa' })).not.toBe(eventId({ ...at, epoch: 'aaab' }));
  });

  it('are not parsed from other values, such as a UUIDv4', () => {
    for (const other of [
      undefined,
      7,
      '',
      'x',
      '0188a5c4-1c2b-4abc-8def-0123456789ab',
      `${eventId({ loggedAt: 1, seq: 1, epoch: 'e' })}0`,
    ]) {
      expect(parseEventId(other)).toBeUndefined();
    }
  });
});
