/** Lists of table rows, of which only few have one. */
export class RowLists<T> {
  private readonly lists = new Map<number, readonly T[]>();

  get(row: number): readonly T[] {
    return this.lists.get(row) ?? [];
  }

  /** Sets the list of a row; an empty one takes no memory. */
  set(row: number, list: readonly T[]): void {
    if (list.length > 0) this.lists.set(row, list);
    else this.lists.delete(row);
  }

  delete(row: number): void {
    this.lists.delete(row);
  }

  get isEmpty(): boolean {
    return this.lists.size === 0;
  }

  /** Rows with a list. */
  get rows(): Iterable<number> {
    return this.lists.keys();
  }
}
