const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });
const ELLIPSIS = '…';
/** Maximum length of a character, UTF-16 units: a longer one, such as a tower of accents, is cut within. */
const MAX_CHARACTER = 64;

/**
 * Returns at most `length` UTF-16 units of a text, with an ellipsis in place of the rest; never half of a character as a reader
 * sees it, be it a family of four or a flag.
 */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text.toWellFormed();
  if (length < 1) return '';
  const room = length - ELLIPSIS.length;
  // Two characters beyond the cut show whether it goes through one; the rest of a long text need not be read.
  const segment = characters.segment(text.slice(0, room + 2 * MAX_CHARACTER)).containing(room);
  const whole =
    segment !== undefined && room - segment.index < MAX_CHARACTER ? segment.index : codePointBefore(text, room);
  return text.slice(0, whole).toWellFormed().trimEnd() + ELLIPSIS;
}

function codePointBefore(text: string, end: number): number {
  return (text.codePointAt(end - 1) ?? 0) > 0xff_ff ? end - 1 : end;
}
