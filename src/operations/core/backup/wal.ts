/** Position in the write-ahead log (LSN), bytes since its beginning. */
export type WalPosition = bigint;

/** One file of the write-ahead log: `wal_segment_size` bytes of one timeline. */
export interface WalSegment {
  readonly timeline: number;
  /** Position of its first byte, divided by the size of a segment. */
  readonly number: bigint;
}

/** End of a timeline: the server left it for the next one at that position. */
export interface TimelineEnd {
  readonly timeline: number;
  readonly at: WalPosition;
}

/** Parses the server's notation, `16/B374D848`. */
export function parsePosition(text: string): WalPosition {
  const [, high, low] = /^([0-9A-F]{1,8})\/([0-9A-F]{1,8})$/i.exec(text) ?? [];
  if (high === undefined || low === undefined) throw new Error(`not a position of the write-ahead log: ${text}`);
  return (BigInt(`0x${high}`) << 32n) | BigInt(`0x${low}`);
}

export function formatPosition(position: WalPosition): string {
  return `${(position >> 32n).toString(16)}/${(position & 0xffff_ffffn).toString(16)}`.toUpperCase();
}

/** Returns the server's name of a segment: timeline, and number in two parts, of 8 hexadecimal digits each. */
export function segmentName({ timeline, number }: WalSegment, segmentBytes: number): string {
  const perHigh = 0x1_0000_0000n / BigInt(segmentBytes);
  return [BigInt(timeline), number / perHigh, number % perHigh].map(hex8).join('');
}

/** Parses the server's name of a segment; undefined for any other name. */
export function parseSegmentName(name: string, segmentBytes: number): WalSegment | undefined {
  const [, timeline, high, low] = /^([0-9A-F]{8})([0-9A-F]{8})([0-9A-F]{8})$/.exec(name) ?? [];
  if (timeline === undefined || high === undefined || low === undefined) return undefined;
  const perHigh = 0x1_0000_0000n / BigInt(segmentBytes);
  return { timeline: Number.parseInt(timeline, 16), number: BigInt(`0x${high}`) * perHigh + BigInt(`0x${low}`) };
}

/** Returns the server's name of the file that says how a timeline began. */
export function historyName(timeline: number): string {
  return `${hex8(BigInt(timeline))}.history`;
}

/** Parses a file of that kind: the ends of the timelines before, oldest first. */
export function parseHistory(text: string): TimelineEnd[] {
  return text
    .split('\n')
    .map((line) => /^\s*(\d+)\s+([0-9A-F]+\/[0-9A-F]+)/i.exec(line))
    .filter((found) => found !== null)
    .map(([, timeline = '', at = '']) => ({ timeline: Number(timeline), at: parsePosition(at) }));
}

/**
 * Returns where the archive goes on: after the newest complete segment of the server's own history.
 * @param newest newest complete segment of each timeline in the archive
 * @param current timeline of the server
 * @param before ends of the timelines before it, oldest first
 * @returns undefined if the archive has nothing of this history
 */
export function archiveContinues(
  newest: ReadonlyMap<number, bigint>,
  current: number,
  before: readonly TimelineEnd[],
  segmentBytes: number,
): WalSegment | undefined {
  const size = BigInt(segmentBytes);
  const own = newest.get(current);
  if (own !== undefined) return { timeline: current, number: own + 1n };
  let next = current;
  for (const { timeline, at } of before.toReversed()) {
    const found = newest.get(timeline);
    // A segment beyond the end belongs to another future, which the server has left.
    if (found !== undefined)
      return (found + 1n) * size < at ? { timeline, number: found + 1n } : { timeline: next, number: at / size };
    next = timeline;
  }
  return undefined;
}

function hex8(value: bigint): string {
  return value.toString(16).toUpperCase().padStart(8, '0');
}
