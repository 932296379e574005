import type { LogEvent } from './log-event.js';

/**
 * Factor of the high bits of `seq`. An event's id is a UUIDv7 derived from the log row, so every process, replay and retry
 * computes the same id without storing it. Bits: 48 time logged (Unix ms), 4 version, 12 high and 41 low bits of `seq`, 21 a
 * hash of the epoch. Ids of one epoch therefore sort in log order, even within a millisecond.
 */
const SEQ_LOW_BITS = 2 ** 41;
const EPOCH_HASH_MASK = 0x1fffff;
const PATTERN = /^([0-9a-f]{8})-([0-9a-f]{4})-7([0-9a-f]{3})-([89ab][0-9a-f]{3})-([0-9a-f]{12})$/;

interface EventIdParts {
  /** Unix milliseconds at which the event was numbered. */
  loggedAt: number;
  seq: number;
  /** Hash of the epoch, to be compared with `epochHash(epoch)`. */
  epochHash: number;
}

let lastEpoch = '';
let lastHash = 0;

/** Returns a 21-bit FNV-1a hash of the epoch's name. */
export function epochHash(epoch: string): number {
  if (epoch === lastEpoch) return lastHash;
  let hash = 0x811c9dc5;
  for (let i = 0; i < epoch.length; i++) hash = Math.imul(hash ^ epoch.charCodeAt(i), 0x01000193);
  lastEpoch = epoch;
  lastHash = ((hash >>> 11) ^ hash) & EPOCH_HASH_MASK;
  return lastHash;
}

const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, '0');

export function eventId(event: Pick<LogEvent, 'loggedAt' | 'epoch' | 'seq'>): string {
  const time = hex(Math.floor(event.loggedAt), 12);
  const low = event.seq % SEQ_LOW_BITS;
  const high = (event.seq - low) / SEQ_LOW_BITS;
  // 64 bits after the version group: variant `10`, 41 bits of seq, 21 bits of hash. Computed as two halves of 32 bits, in
  // which arithmetic is exact.
  const upper = (0x80000000 | Math.floor(low / 2 ** 11)) >>> 0;
  const lower = (((low % 2 ** 11) << 21) | epochHash(event.epoch)) >>> 0;
  const tail = hex(upper, 8) + hex(lower, 8);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex(high, 3)}-${tail.slice(0, 4)}-${tail.slice(4)}`;
}

/** Returns the parts of an id; undefined if it does not have the format of `eventId`. Never throws. */
export function parseEventId(id: unknown): EventIdParts | undefined {
  if (typeof id !== 'string') return undefined;
  const match = PATTERN.exec(id.toLowerCase());
  if (!match) return undefined;
  const [, timeHigh = '', timeLow = '', seqHigh = '', variant = '', rest = ''] = match;
  const tail = variant + rest;
  const upper = Number.parseInt(tail.slice(0, 8), 16) % 2 ** 30;
  const lower = Number.parseInt(tail.slice(8), 16);
  const seq = Number.parseInt(seqHigh, 16) * SEQ_LOW_BITS + upper * 2 ** 11 + Math.floor(lower / 2 ** 21);
  return {
    loggedAt: Number.parseInt(timeHigh + timeLow, 16),
    seq,
    epochHash: lower & EPOCH_HASH_MASK,
  };
}
