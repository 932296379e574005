import { describe, expect, it } from 'vitest';
import { basesOf, newestTimeline, planWal, type Archive, type PlannedBase } from './restore-plan.js';
import { unneededBases } from './retention.js';
import { parseHistory } from './wal.js';

const SEGMENT = 16 * 2 ** 20;

/** Segments as `timeline:number`, with `~` behind beginnings. */
function archive(
  text: string,
  histories: Record<number, string> = {},
): Archive<{ timeline: number; number: bigint; partial: boolean }> {
  const segments = text
    .split(' ')
    .filter(Boolean)
    .map((word) => {
      const [timeline = '', number = ''] = word.replace('~', '').split(':');
      return { timeline: Number(timeline), number: BigInt(number), partial: word.endsWith('~') };
    });
  const read = Object.entries(histories).map(([timeline, ends]) => [Number(timeline), parseHistory(ends)] as const);
  return { segmentBytes: SEGMENT, segments, histories: new Map(read) };
}

function base(id: string, timeline: number, startSegment: number, stopSegment: number, finished = 0): PlannedBase {
  return {
    id,
    timeline,
    start: BigInt(startSegment * SEGMENT + 40),
    stop: BigInt(stopSegment * SEGMENT + 80),
    finished,
  };
}

function planned(from: PlannedBase, timeline: number, kept: ReturnType<typeof archive>): [string, string[]] {
  const { files, missing } = planWal(from, timeline, kept);
  const names = files.map((file) => `${file.timeline}:${file.number}${file.partial ? '~' : ''}`);
  return [names.join(' '), missing.map((name) => name.replace(/^0+/, '').replaceAll(/0{7,}/g, '.'))];
}

describe('the plan of a restore', () => {
  it('takes the log from the end of the base backup to the newest beginning', () => {
    expect(planned(base('a', 1, 3, 4), 1, archive('1:2 1:3 1:4 1:5 1:6~'))).toEqual(['1:4 1:5 1:6~', []]);
  });

  it('needs nothing beyond the base backup if nothing was archived since', () => {
    expect(planned(base('a', 1, 3, 4), 1, archive('1:2 1:3'))).toEqual(['', []]);
    expect(planned(base('a', 1, 3, 4), 1, archive(''))).toEqual(['', []]);
  });

  it('names missing segments, and a beginning that was never completed', () => {
    expect(planned(base('a', 1, 3, 4), 1, archive('1:4 1:6 1:7'))).toEqual(['1:4', ['1.5']]);
    expect(planned(base('a', 1, 3, 4), 1, archive('1:5'))).toEqual(['', ['1.4']]);
    expect(planned(base('a', 1, 3, 4), 1, archive('1:4 1:5~ 1:6'))).toEqual(['1:4', ['1.5']]);
  });

  it('follows the server over timelines and leaves out other futures', () => {
    const forked = archive('1:4 1:5 1:6 1:7 1:8 2:6 2:7 2:8~', { 2: '1\t0/6000100\trestored' });
    expect(newestTimeline(forked, [])).toBe(2);
    expect(planned(base('a', 1, 4, 4), 2, forked)).toEqual(['1:4 1:5 2:6 2:7 2:8~', []]);
    expect(planned(base('a', 1, 4, 4), 1, forked)).toEqual(['1:4 1:5 1:6 1:7 1:8', []]);
    const gap = archive('1:4 2:7', { 2: '1\t0/6000100\trestored' });
    expect(planned(base('a', 1, 4, 4), 2, gap)).toEqual(['1:4', ['1.5', '2.6']]);
  });

  it('starts from base backups on the way to the timeline only', () => {
    const forked = archive('', { 2: '1\t0/6000100\trestored' });
    const bases = [base('late', 1, 7, 8, 3), base('after', 2, 9, 9, 4), base('early', 1, 4, 5, 1)];
    expect(basesOf(2, bases, forked).map(({ id }) => id)).toEqual(['early', 'after']);
    expect(basesOf(1, bases, forked).map(({ id }) => id)).toEqual(['early', 'late']);
  });
});

describe('base backups that are no longer needed', () => {
  it('are those before the newest one that reaches the whole time back', () => {
    const bases = [5, 1, 3].map((finished) => ({ id: String(finished), finished }));
    const ids = (since: number): string[] => unneededBases(bases, since).map(({ id }) => id);
    expect(ids(4)).toEqual(['1']);
    expect(ids(3)).toEqual(['1']);
    expect(ids(2)).toEqual([]);
    expect(ids(0)).toEqual([]);
    expect(ids(100)).toEqual(['1', '3']);
    expect(unneededBases([], 100)).toEqual([]);
  });
});
