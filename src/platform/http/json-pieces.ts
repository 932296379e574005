/**
 * Number of entries above which every entry of a list or object is one piece; the entries of shorter ones are split further.
 */
const MAX_WHOLE_ENTRIES = 64;

type Container = readonly unknown[] | Readonly<Record<string, unknown>>;

/** Whether a body contains a list or an object that is long enough to be written in slices. */
export function isLong(value: unknown): boolean {
  if (!isContainer(value)) return false;
  const entries: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return entries.length > MAX_WHOLE_ENTRIES || entries.some(isLong);
}

/**
 * Yields the text of `JSON.stringify(value)` piece by piece. An entry of a list or object with more than
 * `MAX_WHOLE_ENTRIES` entries is one piece.
 */
export function* jsonPieces(value: unknown): Generator<string> {
  if (!isContainer(value)) {
    yield textOf(value) ?? 'null';
    return;
  }
  const isList = Array.isArray(value);
  const entries = isList ? value.map((entry: unknown) => ['', entry] as const) : Object.entries(value);
  const isWhole = entries.length > MAX_WHOLE_ENTRIES;
  let before = '';
  yield isList ? '[' : '{';
  for (const [name, entry] of entries) {
    if (!isList && isLeftOut(entry)) continue;
    const head = isList ? before : `${before}${JSON.stringify(name)}:`;
    before = ',';
    if (isWhole || !isContainer(entry)) {
      yield `${head}${textOf(entry) ?? 'null'}`;
    } else {
      yield head;
      yield* jsonPieces(entry);
    }
  }
  yield isList ? ']' : '}';
}

/**
 * Whether a value is a plain list or object. A value with a `toJSON` of its own, such as a date, is written in one piece.
 */
function isContainer(value: unknown): value is Container {
  if (typeof value !== 'object' || value === null || 'toJSON' in value) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return Array.isArray(value) || prototype === Object.prototype || prototype === null;
}

const isLeftOut = (value: unknown): boolean =>
  value === undefined || typeof value === 'function' || typeof value === 'symbol';

/** Returns the JSON of a value; undefined for values without JSON. The type of `JSON.stringify` lacks undefined. */
function textOf(value: unknown): string | undefined {
  const text: string | undefined = JSON.stringify(value);
  return text;
}
