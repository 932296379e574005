/** The bound values of one statement: everything that comes from a client passes through here. */
export class SqlParameters {
  readonly values: unknown[] = [];

  /** Adds a value and gives its placeholder, cast to a fixed type. */
  add(value: unknown, type: string): string {
    this.values.push(value);
    return `$${this.values.length}::${type}`;
  }
}
