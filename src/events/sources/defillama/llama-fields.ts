// oxlint-disable-next-line no-control-regex -- these are what must not be stored
const CONTROL = /[\u0000-\u001f\u007f-\u009f]+/g;

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Returns a trimmed text with control characters replaced by spaces; undefined if it is empty, too long or no text. */
export function text(value: unknown, longest: number): string | undefined {
  if (typeof value !== 'string') return undefined;
  const clean = value.toWellFormed().replaceAll(CONTROL, ' ').trim();
  return clean === '' || clean.length > longest ? undefined : clean;
}
