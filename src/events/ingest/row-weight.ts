/** Rough number of characters of a number, bracket or separator. */
const SMALL = 8;

/** Estimates the number of characters that a row takes in the statement, which determines the cost of assembling it. */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return SMALL + value.length;
  if (typeof value !== 'object' || value === null) return SMALL;
  if (Array.isArray(value)) return value.reduce<number>((sum, entry) => sum + weightOf(entry), SMALL);
  return Object.entries(value).reduce((sum, [name, entry]) => sum + name.length + weightOf(entry), SMALL);
}

/** Splits rows into parts of limited number and weight; a row that exceeds the weight alone forms its own part. */
export function* partsOf<T extends { readonly weight: number }>(
  rows: readonly T[],
  { most, heaviest }: { most: number; heaviest: number },
): Iterable<T[]> {
  let part: T[] = [];
  let weight = 0;
  for (const row of rows) {
    if (part.length > 0 && (part.length === most || weight + row.weight > heaviest)) {
      yield part;
      part = [];
      weight = 0;
    }
    part.push(row);
    weight += row.weight;
  }
  if (part.length > 0) yield part;
}
