const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });
const ELLIPSIS = '…';
/** What looks like one character and is longer is none: a tower of accents gives way in the middle. */
const MAX_CHARACTER = 64;

/**
 * At most `length` UTF-16 units of a text, with an ellipsis where something is missing; never half of what a reader sees
 * as one character, be it a family of four or a flag.
 */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text.toWellFormed();
  if (length < 1) return '';
  const room = length - ELLIPSIS.length;
  // Two characters beyond the cut tell whether it goes through one; the rest of a long text need not be looked at.
  const segment = characters.segment(text.slice(0, room + 2 * MAX_CHARACTER)).containing(room);
  const whole =
    segment !== undefined && room - segment.index < MAX_CHARACTER ? segment.index : codePointBefore(text, room);
  return text.slice(0, whole).toWellFormed().trimEnd() + ELLIPSIS;
}

function codePointBefore(text: string, end: number): number {
  return (text.codePointAt(end - 1) ?? 0) > 0xff_ff ? end - 1 : end;
}
