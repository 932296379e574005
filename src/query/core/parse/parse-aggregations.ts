import { OPERATIONS, OVER_TIME, type Aggregation, type Operation } from '../ast.js';
import { isNumeric, type Dataset } from '../dataset-fields.js';
import { fieldNames } from '../datasets.js';
import { shown } from '../../../platform/input/text.js';
import { at, type Faults } from '../../../platform/input/faults.js';
import { QUERY_LIMITS } from '../limits.js';
import type { ConditionScope } from './parse-condition.js';
import { isAbsent, objectOf, wordOf, type Members } from './parse-input.js';

type Lookup = ConditionScope['subject'];

interface Parsed {
  readonly aggregations: Aggregation[];
  readonly groupBy: string[];
}

const MEMBERS = ['field', 'operation', 'p', 'over_time', 'group_by', 'as'];
const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,62}$/;
/** Reserved names: columns of buckets and of live rows, and a name with a special meaning in many clients. */
const TAKEN: ReadonlySet<string> = new Set(['time', '_key', '__proto__']);
const NUMERIC: ReadonlySet<Operation> = new Set(['sum', 'avg', 'min', 'max', 'percentile']);

/** Parses the aggregates and their group fields, which must be the same for all aggregates of a query. */
export function parseAggregations(value: unknown, dataset: Dataset, lookup: Lookup, faults: Faults): Parsed {
  const nothing: Parsed = { aggregations: [], groupBy: [] };
  if (isAbsent(value)) return nothing;
  if (!Array.isArray(value)) {
    faults.add('/aggregations', 'invalid_type', 'aggregations must be a list of {field, operation, group_by}.');
    return nothing;
  }
  if (value.length > QUERY_LIMITS.aggregations) {
    const detail = `A query must have at most ${QUERY_LIMITS.aggregations} aggregations; send two queries.`;
    faults.limit('/aggregations', 'too_many_aggregations', detail);
    return nothing;
  }
  const entries = value.flatMap((entry: unknown, index) => {
    const pointer = at('/aggregations', index);
    const given = objectOf(entry, pointer, MEMBERS, faults);
    return given
      ? [{ pointer, given, groups: groupFields(given['group_by'], at(pointer, 'group_by'), lookup, faults) }]
      : [];
  });
  const [first] = entries;
  for (const { pointer, groups } of entries) {
    if (groups.join() !== first?.groups.join()) {
      const detail = 'All aggregations of a query must have the same group_by; send a query for each grouping.';
      faults.limit(at(pointer, 'group_by'), 'differing_group_by', detail);
    }
  }
  const parsed = entries.flatMap(({ given, pointer }) => parseOne(given, pointer, dataset, lookup, faults) ?? []);
  const aggregations = parsed.map((one, index) => counted(one, entries[index]?.given, parsed));
  checkNames(aggregations, first?.groups ?? [], faults);
  return { aggregations, groupBy: first?.groups ?? [] };
}

/**
 * Completes a count of rows: unless the client sets `over_time`, it takes the one of the other aggregates, if these have the
 * same.
 */
function counted(one: Aggregation, given: Members | undefined, all: readonly Aggregation[]): Aggregation {
  if (one.field !== undefined || !isAbsent(given?.['over_time'])) return one;
  const [overTime = one.overTime, ...others] = new Set(all.flatMap((other) => (other.field ? other.overTime : [])));
  return others.length === 0 ? { ...one, overTime } : one;
}

function groupFields(value: unknown, pointer: string, lookup: Lookup, faults: Faults): string[] {
  if (isAbsent(value)) return [];
  const names: unknown[] = Array.isArray(value) ? value : [value];
  if (names.length > QUERY_LIMITS.groupFields) {
    faults.limit(pointer, 'too_many_groups', `group_by must have at most ${QUERY_LIMITS.groupFields} fields.`);
    return [];
  }
  const fields = names.flatMap((name, index): string[] => {
    const place = Array.isArray(value) ? at(pointer, index) : pointer;
    if (typeof name !== 'string') {
      faults.add(place, 'invalid_type', 'group_by must be the name of a field, or a list of names.');
      return [];
    }
    const field = lookup(name, place);
    if (field !== undefined && field.type !== 'text') {
      faults.add(place, 'not_groupable', `group_by must name text fields; ${name} is not a text field.`);
      return [];
    }
    return field === undefined ? [] : [name];
  });
  return [...new Set(fields)];
}

function parseOne(
  given: Members,
  pointer: string,
  dataset: Dataset,
  lookup: Lookup,
  faults: Faults,
): Aggregation | undefined {
  const operation = wordOf(given['operation'], at(pointer, 'operation'), OPERATIONS, faults);
  if (isAbsent(given['operation'])) {
    faults.add(at(pointer, 'operation'), 'required', `operation must be one of ${OPERATIONS.join(', ')}.`);
  }
  const overTime = wordOf(given['over_time'], at(pointer, 'over_time'), OVER_TIME, faults) ?? 'last';
  if (operation === undefined) return undefined;
  const field = aggregatedField(given['field'], operation, at(pointer, 'field'), dataset, lookup, faults);
  const name = nameOf(given['as'], `${operation}${field === undefined ? '' : `_${field}`}`, at(pointer, 'as'), faults);
  const p = shareOf(given['p'], operation, at(pointer, 'p'), faults);
  return { operation, ...(field !== undefined && { field }), ...(p !== undefined && { p }), overTime, as: name };
}

function aggregatedField(
  value: unknown,
  operation: Operation,
  pointer: string,
  dataset: Dataset,
  lookup: Lookup,
  faults: Faults,
): string | undefined {
  if (isAbsent(value) && operation === 'count') return undefined;
  const numbers = (): string => fieldNames(dataset, isNumeric).join(', ');
  if (typeof value !== 'string') {
    faults.add(pointer, 'required', `field must be the name of the field to aggregate: ${numbers()}.`);
    return undefined;
  }
  const type = lookup(value, pointer)?.type;
  if (type !== undefined && !isNumeric({ type }) && (NUMERIC.has(operation) || type === 'texts' || type === 'json')) {
    faults.add(
      pointer,
      'operation_mismatch',
      `${operation} needs a number field; ${shown(value)} is not a number. Use ${numbers()}.`,
    );
  }
  return value;
}

function shareOf(value: unknown, operation: Operation, pointer: string, faults: Faults): number | undefined {
  if (operation !== 'percentile') {
    if (!isAbsent(value)) faults.add(pointer, 'only_percentile', 'p is only allowed with percentile; remove it.');
    return undefined;
  }
  const detail = 'p must be a number between 0 and 1: 0.95 for the 95th percentile.';
  if (isAbsent(value)) faults.add(pointer, 'required', detail);
  else if (typeof value !== 'number') faults.add(pointer, 'invalid_type', detail);
  else if (!(value >= 0 && value <= 1)) faults.add(pointer, 'out_of_range', detail);
  else return value;
  return undefined;
}

function nameOf(value: unknown, fallback: string, pointer: string, faults: Faults): string {
  if (isAbsent(value)) return fallback;
  if (typeof value === 'string' && NAME.test(value) && !TAKEN.has(value)) return value;
  const taken = [...TAKEN].join(', ');
  const detail = `A column name must have up to 63 letters, digits and _, and must not begin with a digit; reserved names: ${taken}.`;
  faults.add(pointer, 'invalid_name', detail);
  return fallback;
}

function checkNames(aggregations: readonly Aggregation[], groupBy: readonly string[], faults: Faults): void {
  const taken = new Set(groupBy);
  for (const [index, { as }] of aggregations.entries()) {
    if (taken.has(as)) {
      faults.add(
        `/aggregations/${index}/as`,
        'duplicate_name',
        `Column names must be unique; use as to give this column a name other than ${as}.`,
      );
    }
    taken.add(as);
  }
}
