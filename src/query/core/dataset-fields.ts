import type { NameKind } from '../../events/index.js';
import type { DatasetName, SortKey } from './ast.js';

/** `decimal`: a number that may exceed the exact range of JSON's numbers; it is a decimal text in answers. */
export type FieldType = 'text' | 'number' | 'decimal' | 'time' | 'texts' | 'json';

/** Field of a dataset with its fixed SQL. Client input never becomes SQL. */
export interface Field {
  readonly type: FieldType;
  readonly nullable: boolean;
  /**
   * Returns the SQL of the field's value in the dataset's current rows; `now` is the placeholder for the time of the query.
   */
  sql(now: string): string;
  /**
   * Source of the field in queries with `time`: a property of the series (a column of that name), or the recorded value.
   * Absent: the field has no history.
   */
  readonly history?: 'series' | 'value';
  /**
   * Present if the values of the field are names, such as chains. Names in a query are converted to their canonical spelling;
   * names that no data can have are refused.
   */
  readonly names?: NameKind;
  /** Additional cost of computing the field compared with a column, in rows read. */
  readonly lookups?: number;
  /** Whether the field only appears in rows and cannot be used in conditions, groups or sorting. */
  readonly shownOnly?: boolean;
  /** Whether comparisons ignore case, because sources write the values in different cases. */
  readonly isFolded?: boolean;
  /** Whether values are hex texts, which are stored in lower case; those in a query are converted. */
  readonly isHex?: boolean;
  /** Whether values may be long, so that pages end by their size. */
  readonly isLong?: boolean;
  /** SQL type of the field's parameters, if it differs from the default of its `type`. */
  readonly bound?: string;
}

export interface Dataset {
  readonly name: DatasetName;
  readonly fields: Readonly<Record<string, Field>>;
  /** FROM clause of the current rows. */
  readonly from: string;
  /** Condition on rows that applies unless the query has a condition on the field `unless`. */
  readonly counting?: { readonly sql: string; readonly unless: string };
  /** Fields that identify a row. */
  readonly key: readonly string[];
  readonly defaultSort: readonly SortKey[];
  /** Metric whose recorded series are read if the query has `time`. */
  readonly metric?: 'tvl' | 'price';
  readonly timeField?: string;
  /** Table whose size is the cost of a query; absent if the cost follows from series or the log. */
  readonly stored?: StoredTable;
  /** Statement that returns the state to which the rows refer: cursor, newest time in Unix ms, blocks by chain. */
  readonly state?: string;
}

/** Tables whose rows are counted for estimates. */
export type StoredTable = 'positions' | 'chainLogs';

export const column = (type: FieldType, sql: string, extra: Partial<Field> = {}): Field => ({
  type,
  nullable: false,
  sql: () => sql,
  ...extra,
});
export const nullable = { nullable: true };
export const chain = { names: 'chain' } as const;

/** Whether sums, means and percentiles of a field exist. */
export function isNumeric({ type }: Pick<Field, 'type'>): boolean {
  return type === 'number' || type === 'decimal';
}
