/**
 * Digits of a cursor's seq. A cursor is `<epoch>-<seq in base 36, eleven digits>`, at most 40 characters. Within an epoch,
 * the order of cursors as strings is the log order. Eleven base-36 digits suffice for every integer up to 2^53.
 */
const SEQ_DIGITS = 11;
const PATTERN = /^([0-9a-z]{1,16})-([0-9a-z]{11})$/;

export interface CursorPosition {
  epoch: string;
  seq: number;
}

export function formatCursor(epoch: string, seq: number): string {
  return `${epoch}-${seq.toString(36).padStart(SEQ_DIGITS, '0')}`;
}

/** Returns the position of a cursor; undefined if it does not have the format of `formatCursor`. Never throws. */
export function parseCursor(cursor: unknown): CursorPosition | undefined {
  if (typeof cursor !== 'string') return undefined;
  const match = PATTERN.exec(cursor);
  if (!match?.[1] || !match[2]) return undefined;
  const seq = Number.parseInt(match[2], 36);
  return Number.isSafeInteger(seq) ? { epoch: match[1], seq } : undefined;
}

/** Returns the position with the higher seq. Positions of different epochs cannot be compared; `one` is then returned. */
export function furthest(one: CursorPosition, other: CursorPosition | undefined): CursorPosition {
  return other?.epoch === one.epoch && other.seq > one.seq ? other : one;
}
