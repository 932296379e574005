/** Characters that a number, a bracket or a separator takes up, about. */
const SMALL = 8;

/** About how many characters the texts, lists and objects of a row have when they are sent: what putting them together costs. */
export function weightOf(value: unknown): number {
  if (typeof value === 'string') return SMALL + value.length;
  if (typeof value !== 'object' || value === null) return SMALL;
  if (Array.isArray(value)) return value.reduce<number>((sum, entry) => sum + weightOf(entry), SMALL);
  return Object.entries(value).reduce((sum, [name, entry]) => sum + name.length + weightOf(entry), SMALL);
}

/** Cuts rows into parts of at most so many, and of at most so much weight; a row that is heavier by itself is a part. */
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
