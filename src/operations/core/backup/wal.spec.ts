import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  archiveContinues,
  formatPosition,
  historyName,
  parseHistory,
  parsePosition,
  parseSegmentName,
  segmentName,
} from './wal.js';

const MB = 2 ** 20;

describe('positions and names of the write-ahead log', () => {
  it('are written as the server writes them', () => {
    expect(parsePosition('16/B374D848')).toBe(0x16_b374_d848n);
    expect(formatPosition(0x16_b374_d848n)).toBe('16/B374D848');
    expect(segmentName({ timeline: 1, number: 0x16_b3n }, 16 * MB)).toBe('0000000100000016000000B3');
    expect(historyName(10)).toBe('0000000A.history');
  });

  it('refuse other text', () => {
    expect(() => parsePosition('16')).toThrow('not a position of the write-ahead log: 16');
    expect(parseSegmentName('0000000A.history', 16 * MB)).toBeUndefined();
    expect(parseSegmentName('0000000100000016000000B3.partial', 16 * MB)).toBeUndefined();
  });

  it('are read back as they were written, for every size of segments', () => {
    const position = fc.bigInt({ min: 0n, max: 2n ** 63n });
    const size = fc.integer({ min: 0, max: 10 }).map((power) => MB * 2 ** power);
    fc.assert(
      fc.property(position, size, fc.integer({ min: 1, max: 2 ** 31 }), (at, bytes, timeline) => {
        expect(parsePosition(formatPosition(at))).toBe(at);
        const segment = { timeline, number: at / BigInt(bytes) };
        expect(parseSegmentName(segmentName(segment, bytes), bytes)).toEqual(segment);
      }),
    );
  });
});

describe('where an archive goes on', () => {
  const size = 16 * MB;
  const history = parseHistory('1\t0/5000000\tno recovery target specified\n\n2\t0/9800000\tbefore 2026-12-01\n');

  it('is after its newest segment of the timeline of the server', () => {
    expect(archiveContinues(new Map([[3, 12n]]), 3, history, size)).toEqual({ timeline: 3, number: 13n });
    expect(archiveContinues(new Map(), 3, history, size)).toBeUndefined();
  });

  it('is on the timeline before while that is not complete', () => {
    expect(archiveContinues(new Map([[2, 6n]]), 3, history, size)).toEqual({ timeline: 2, number: 7n });
    expect(archiveContinues(new Map([[2, 8n]]), 3, history, size)).toEqual({ timeline: 2, number: 9n });
  });

  it('is at the fork if the archive has a future that the server has left', () => {
    expect(archiveContinues(new Map([[2, 40n]]), 3, history, size)).toEqual({ timeline: 3, number: 9n });
    expect(archiveContinues(new Map([[1, 4n]]), 3, history, size)).toEqual({ timeline: 2, number: 5n });
    expect(archiveContinues(new Map([[1, 40n]]), 3, history, size)).toEqual({ timeline: 2, number: 5n });
  });
});
