const characters = new Intl.Segmenter('en', { granularity: 'grapheme' });
const ELLIPSIS = '…';
/**
 * Maximum length of a grapheme that is kept whole, UTF-16 code units; a longer one, such as a letter with many accents,
 * is cut.
 */
const MAX_CHARACTER_LENGTH = 64;

/**
 * Returns at most `length` UTF-16 code units of a text, with an ellipsis in place of the rest. It never cuts through a
 * character as readers see it, for example an emoji of a family or a flag.
 */
export function cutText(text: string, length: number): string {
  if (text.length <= length) return text.toWellFormed();
  if (length < 1) return '';
  const room = length - ELLIPSIS.length;
  // Only the text up to two graphemes after the cut is segmented, which is enough to find whether the cut splits one.
  const segment = characters.segment(text.slice(0, room + 2 * MAX_CHARACTER_LENGTH)).containing(room);
  const whole =
    segment !== undefined && room - segment.index < MAX_CHARACTER_LENGTH ? segment.index : codePointBefore(text, room);
  return text.slice(0, whole).toWellFormed().trimEnd() + ELLIPSIS;
}

function codePointBefore(text: string, end: number): number {
  return (text.codePointAt(end - 1) ?? 0) > 0xff_ff ? end - 1 : end;
}
