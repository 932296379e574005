import type { Order } from '../ast.js';
import type { KeyExpression } from './condition-sql.js';
import type { Relation } from './relation.js';
import type { SortKey } from '../ast.js';
import { parseDecimal } from '../../../platform/input/decimals.js';
import type { SqlParameters } from './sql-parameters.js';

export type KeyValue = string | number;

/** Part of a total order. It is never null: a nullable field has an additional part in front that marks missing values. */
interface OrderPart {
  readonly sql: string;
  readonly order: Order;
  readonly type: 'text' | 'number' | 'decimal' | 'time';
  readonly bound: string;
}

/** Sort order of a query's rows, and the condition for rows after a position. Missing values are last in either order. */
export class Keyset {
  private readonly parts: readonly OrderPart[];

  constructor(relation: Relation, sort: readonly SortKey[]) {
    const named = sort.flatMap(({ field, order }) => orderParts(relation.expression(field), order));
    const ties = relation.tieBreak.flatMap((expression) => orderParts(expression, 'asc'));
    this.parts = [...named, ...ties].filter((part, index, all) => all.findIndex((o) => o.sql === part.sql) === index);
  }

  get length(): number {
    return this.parts.length;
  }

  orderBy(): string {
    return this.parts.map(({ sql, order }) => `${sql} ${order}`).join(', ');
  }

  /** Returns the ORDER BY list with the numbers of the position's columns, which follow `others` other columns. */
  orderOf(others: number): string {
    return this.parts.map(({ order }, index) => `${others + index + 1} ${order}`).join(', ');
  }

  /**
   * Returns the expressions that form a row's position. Times are microseconds, which numbers represent exactly; decimals are
   * texts.
   */
  columns(): string[] {
    return this.parts.map(({ sql, type }) => {
      if (type === 'decimal') return `(${sql})::text`;
      return type === 'time' ? `(extract(epoch FROM ${sql}) * 1000000)::bigint` : sql;
    });
  }

  /**
   * Whether values are a valid position of this order. A cursor is signed, but may come from another version of this code.
   */
  fits(position: readonly KeyValue[]): boolean {
    return (
      position.length === this.parts.length && this.parts.every(({ type }, index) => isValueOf(type, position[index]))
    );
  }

  /**
   * Returns the condition for rows after a position. If all parts have the same direction, it is one row comparison, for
   * which an index needs one range. If not, a redundant bound on the first part is added, which an index can use: without it
   * the whole index up to the position is read (42 ms instead of 0.23 ms at a depth of a million rows).
   */
  after(position: readonly KeyValue[], parameters: SqlParameters): string {
    const placeholders = this.parts.map((part, index) => placeholder(part, position[index] ?? 0, parameters));
    const [first] = this.parts;
    if (first !== undefined && this.parts.every(({ order }) => order === first.order)) {
      const row = this.parts.map(({ sql }) => sql).join(', ');
      return `(${row}) ${first.order === 'asc' ? '>' : '<'} (${placeholders.join(', ')})`;
    }
    const bound =
      first === undefined ? 'true' : `${first.sql} ${first.order === 'asc' ? '>=' : '<='} ${placeholders[0]}`;
    return `(${bound} AND ${this.behind(0, placeholders)})`;
  }

  private behind(index: number, placeholders: readonly string[]): string {
    const part = this.parts[index];
    if (part === undefined) return 'false';
    const value = placeholders[index];
    const further = `${part.sql} ${part.order === 'asc' ? '>' : '<'} ${value}`;
    if (index === this.parts.length - 1) return further;
    return `(${further} OR (${part.sql} = ${value} AND ${this.behind(index + 1, placeholders)}))`;
  }
}

function isValueOf(type: OrderPart['type'], value: KeyValue | undefined): boolean {
  if (type === 'decimal') return typeof value === 'string' && parseDecimal(value) !== undefined;
  return typeof value === (type === 'text' ? 'string' : 'number');
}

function orderParts({ sql, type, nullable, bound }: KeyExpression, order: Order): OrderPart[] {
  const kind = type === 'texts' || type === 'json' ? 'text' : type;
  const cast = bound ?? { text: 'text', number: 'float8', decimal: 'numeric', time: 'timestamptz' }[kind];
  const plain = kind === 'text' ? `${sql} COLLATE "C"` : sql;
  if (!nullable) return [{ sql: plain, order, type: kind, bound: cast }];
  const nothing = { text: `''`, number: '0', decimal: '0', time: `'epoch'::timestamptz` }[kind];
  return [
    { sql: `(${sql} IS NULL)::integer`, order: 'asc', type: 'number', bound: 'integer' },
    { sql: `coalesce(${sql}, ${nothing})${kind === 'text' ? ' COLLATE "C"' : ''}`, order, type: kind, bound: cast },
  ];
}

function placeholder({ type, bound }: OrderPart, value: KeyValue, parameters: SqlParameters): string {
  if (type !== 'time') return parameters.add(value, bound);
  return `('epoch'::timestamptz + ${parameters.add(value, 'bigint')} * interval '1 microsecond')`;
}
