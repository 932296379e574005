/** Row of an answer. `_key` identifies the row and stays the same when its values change. */
export type KeyedRow = Readonly<Record<string, unknown>> & { readonly _key: string };

export interface ResultDiff {
  readonly added: readonly KeyedRow[];
  readonly changed: readonly KeyedRow[];
  /** Keys of removed rows. */
  readonly removed: readonly string[];
}

/**
 * Adds the key to every row: the values of the columns that identify it. Single values of a series may have the same shown
 * time, because times are shown in milliseconds; those after the first are numbered in the order of the answer.
 */
export function keyed(rows: readonly Readonly<Record<string, unknown>>[], columns: readonly string[]): KeyedRow[] {
  const taken = new Map<string, number>();
  return rows.map((row) => {
    const values = columns.map((column) => row[column] ?? null);
    const key = JSON.stringify(values);
    const before = taken.get(key) ?? 0;
    taken.set(key, before + 1);
    return { ...row, _key: before === 0 ? key : JSON.stringify([...values, before]) };
  });
}

/** Rows of a result, for comparison with the next result. */
export class ResultImage {
  private readonly rows: ReadonlyMap<string, string>;

  constructor(rows: readonly KeyedRow[]) {
    this.rows = new Map(rows.map((row) => [row._key, JSON.stringify(row)]));
  }

  /** Returns the changes from this result to the next one; undefined if they are equal. */
  diff(rows: readonly KeyedRow[], next: ResultImage): ResultDiff | undefined {
    const added: KeyedRow[] = [];
    const changed: KeyedRow[] = [];
    for (const row of rows) {
      const before = this.rows.get(row._key);
      if (before === undefined) added.push(row);
      else if (before !== next.rows.get(row._key)) changed.push(row);
    }
    const removed = [...this.rows.keys()].filter((key) => !next.rows.has(key));
    return added.length + changed.length + removed.length > 0 ? { added, changed, removed } : undefined;
  }
}
