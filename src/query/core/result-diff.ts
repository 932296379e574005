/** Row of an answer; `_key` identifies it and stays while its values change. */
export type KeyedRow = Readonly<Record<string, unknown>> & { readonly _key: string };

export interface ResultDiff {
  readonly added: readonly KeyedRow[];
  readonly changed: readonly KeyedRow[];
  /** Keys of removed rows. */
  readonly removed: readonly string[];
}

/**
 * Gives every row its key: the values of the columns that make it unique. Single values of a series may share a millisecond,
 * the shown precision of their time: those after the first are numbered, in the order of the answer.
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

/** Rows of the result with which the next one is compared. */
export class ResultImage {
  private readonly rows: ReadonlyMap<string, string>;

  constructor(rows: readonly KeyedRow[]) {
    this.rows = new Map(rows.map((row) => [row._key, JSON.stringify(row)]));
  }

  /** Returns the changes from this result to the other; undefined when nothing differs. */
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
