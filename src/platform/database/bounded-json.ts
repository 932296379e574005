/**
 * Maximum levels of a JSON value that is read from the database. PostgreSQL stores more than 10,000; `JSON.stringify` and
 * other recursive functions overflow the stack at about 5,000.
 */
export const MAX_LEVELS = 64;

/** Returns what stands for an object or array that is nested too deeply, in events and answers. */
const omitted = () => ({ omitted: 'too_deep' });

/**
 * Parses a json or jsonb value. Objects and arrays deeper than `MAX_LEVELS` are replaced by `{omitted: 'too_deep'}`, so that
 * no stored row can stop its readers.
 */
export function parseBoundedJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  if (mayBeDeep(text) && isContainer(value)) cutBelow(value, MAX_LEVELS);
  return value;
}

/** Whether the text has more opening brackets than a value may have levels. Counting them is faster than parsing. */
function mayBeDeep(text: string): boolean {
  let left = MAX_LEVELS;
  for (const bracket of ['{', '[']) {
    for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
      if (left-- === 0) return true;
    }
  }
  return false;
}

/** Changes the freshly parsed value in place; `levels` includes the level of `container`. */
function cutBelow(container: Record<string, unknown>, levels: number): void {
  for (const key of Object.keys(container)) {
    const member = container[key];
    if (!isContainer(member)) continue;
    if (levels === 1) container[key] = omitted();
    else cutBelow(member, levels - 1);
  }
}

function isContainer(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}
