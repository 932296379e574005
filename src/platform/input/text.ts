/** Pattern of text without control characters and half surrogates: it can be stored, logged, mailed and displayed. */
export const PLAIN_TEXT = /^[^\p{Cc}\p{Cs}]*$/u;
/** Pattern of plain text of several lines, with tabs. */
export const LINES = /^(?:[^\p{Cc}\p{Cs}]|[\n\t])*$/u;
const VISIBLE = /[^\p{Z}\p{Cc}\p{Cf}]/u;
const CONTROLS = /\p{Cc}+/gu;
const MAX_SHOWN_LENGTH = 60;

/** Whether a text has at most `longest` characters and is plain. */
export function isPlainText(text: string, longest: number): boolean {
  return text.length <= longest && PLAIN_TEXT.test(text);
}

/** Whether PostgreSQL can store the text unchanged: no character U+0000, no half surrogates. */
export function isStorable(text: string): boolean {
  return !text.includes('\u0000') && text.isWellFormed();
}

/** Whether a text has no visible character: it is empty, or only spaces and formatting characters. */
export function isBlank(text: string): boolean {
  return !VISIBLE.test(text);
}

/** Returns a client's value for a message: quoted, shortened, and each run of control characters replaced by `?`. */
export function shown(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  const start = text.slice(0, MAX_SHOWN_LENGTH).toWellFormed().replaceAll(CONTROLS, '?');
  return text.length > MAX_SHOWN_LENGTH ? `'${start}…'` : `'${start}'`;
}
