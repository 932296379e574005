import { segmentName, type TimelineEnd, type WalPosition, type WalSegment } from './wal.js';

/** Base backup as far as a plan needs it. */
export interface PlannedBase {
  readonly id: string;
  readonly timeline: number;
  readonly start: WalPosition;
  readonly stop: WalPosition;
  /** Unix ms. */
  readonly finished: number;
}

interface Archived extends WalSegment {
  readonly partial: boolean;
}

/** Parts of the write-ahead log that the archive has. */
export interface Archive<S extends Archived> {
  readonly segmentBytes: number;
  readonly segments: readonly S[];
  /** Ends of the timelines before each timeline that has any, oldest first. */
  readonly histories: ReadonlyMap<number, readonly TimelineEnd[]>;
}

interface WalPlan<S extends Archived> {
  /** Files to fetch, in their order; without a gap. */
  readonly files: readonly S[];
  /** Names of segments that are missing before the newest one. */
  readonly missing: readonly string[];
}

/** Returns the newest timeline of the archive and the backups. */
export function newestTimeline(archive: Archive<Archived>, bases: readonly PlannedBase[]): number {
  const all = [...archive.segments, ...bases].map(({ timeline }) => timeline);
  return Math.max(0, ...all, ...archive.histories.keys());
}

/** Returns the base backups from which a timeline can be reached, oldest first. */
export function basesOf(timeline: number, bases: readonly PlannedBase[], archive: Archive<Archived>): PlannedBase[] {
  const ends = new Map((archive.histories.get(timeline) ?? []).map((end) => [end.timeline, end.at]));
  return bases
    .filter((base) => base.timeline === timeline || base.stop <= (ends.get(base.timeline) ?? -1n))
    .toSorted((a, b) => a.finished - b.finished);
}

/**
 * Returns the files of the log that a restore of `base` on a timeline needs beyond those that the base backup contains: from
 * the segment in which it ends to the newest one.
 */
export function planWal<S extends Archived>(base: PlannedBase, timeline: number, archive: Archive<S>): WalPlan<S> {
  const size = BigInt(archive.segmentBytes);
  const first = base.stop / size;
  const found = new Map<bigint, S>();
  let last = first - 1n;
  for (const segment of archive.segments) {
    if (segment.number < first || !isOnWay(segment, timeline, archive, size)) continue;
    if (segment.number > last) last = segment.number;
    const other = found.get(segment.number);
    if (other === undefined || isBetter(segment, other)) found.set(segment.number, segment);
  }
  const files: S[] = [];
  const missing: string[] = [];
  for (let number = first; number <= last; number++) {
    const file = found.get(number);
    if (file !== undefined && (!file.partial || number === last)) {
      if (missing.length === 0) files.push(file);
    } else
      missing.push(
        segmentName({ timeline: timelineAt(number, timeline, archive, size), number }, archive.segmentBytes),
      );
  }
  return { files, missing };
}

/** Whether a segment is on the way to the end of the timeline: on it, or on one before it and not after its end. */
function isOnWay(segment: Archived, timeline: number, archive: Archive<Archived>, size: bigint): boolean {
  const ends = archive.histories.get(timeline) ?? [];
  if (segment.timeline === timeline) return true;
  const end = ends.find((candidate) => candidate.timeline === segment.timeline);
  return end !== undefined && segment.number <= end.at / size;
}

/** Newer timelines first, as the server reads them; whole segments before beginnings. */
function isBetter(segment: Archived, other: Archived): boolean {
  if (segment.timeline !== other.timeline) return segment.timeline > other.timeline;
  return other.partial && !segment.partial;
}

function timelineAt(number: bigint, timeline: number, archive: Archive<Archived>, size: bigint): number {
  const ends = archive.histories.get(timeline) ?? [];
  return ends.find(({ at }) => number < at / size)?.timeline ?? timeline;
}
