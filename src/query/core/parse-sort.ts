import type { Aggregation, SortKey, TimeRange } from './ast.js';
import { fieldNames, fieldOf, type Dataset, type Field } from './datasets.js';
import { at, shown, type Faults } from './faults.js';
import { QUERY_LIMITS } from './limits.js';
import { isAbsent, objectOf, wordOf } from './parse-input.js';

export interface SortParts {
  readonly dataset: Dataset;
  readonly time: TimeRange | undefined;
  readonly aggregations: readonly Aggregation[];
  readonly groupBy: readonly string[];
  readonly faults: Faults;
}

/** Parses the order of the answer, complete with the default; ties are broken by the rows' keys, which are not named. */
export function parseSort(value: unknown, parts: SortParts): SortKey[] {
  const { faults } = parts;
  if (isAbsent(value)) return defaultSort(parts);
  const keys: unknown[] = Array.isArray(value) ? value : [value];
  if (keys.length > QUERY_LIMITS.sortKeys) {
    faults.limit('/sort', 'too_many_sort_keys', `At most ${QUERY_LIMITS.sortKeys} fields to sort by.`);
    return [];
  }
  const sort = keys.flatMap((key, index): SortKey[] => {
    const pointer = Array.isArray(value) ? at('/sort', index) : '/sort';
    const given = objectOf(key, pointer, ['field', 'order'], faults);
    if (given === undefined) return [];
    const order = wordOf(given['order'], at(pointer, 'order'), ['asc', 'desc'], faults) ?? 'asc';
    const field = sortField(given['field'], at(pointer, 'field'), parts);
    return field === undefined ? [] : [{ field, order }];
  });
  return sort.length > 0 ? sort : defaultSort(parts);
}

/**
 * Returns the default order: buckets in their order; groups by their first aggregate, the largest first; rows by their
 * dataset's order.
 */
function defaultSort({ dataset, time, aggregations, groupBy }: SortParts): SortKey[] {
  const [first] = aggregations;
  if (first !== undefined) {
    if (time?.bucket !== undefined) return [{ field: 'time', order: 'asc' }, ...groupBy.map(ascending)];
    return [{ field: first.as, order: 'desc' }];
  }
  if (time === undefined || dataset.metric === undefined) return [...dataset.defaultSort];
  return [{ field: 'time', order: 'asc' }];
}

const ascending = (field: string): SortKey => ({ field, order: 'asc' });

function sortField(value: unknown, pointer: string, parts: SortParts): string | undefined {
  const { dataset, time, aggregations, groupBy, faults } = parts;
  const timed = time !== undefined && dataset.metric !== undefined;
  const grouped = aggregations.length > 0;
  const hasTime = grouped ? time?.bucket !== undefined : timed;
  const names = [
    ...(hasTime ? ['time'] : []),
    ...(grouped
      ? [...aggregations.map((aggregation) => aggregation.as), ...groupBy]
      : fieldNames(dataset, (field) => sortable(field, timed))),
  ];
  if (typeof value !== 'string') {
    faults.add(pointer, 'required', `Give field, one of ${names.join(', ')}.`);
    return undefined;
  }
  if (names.includes(value)) return value;
  // Accepted too, since the published example sorts by the field that it aggregates.
  const first = aggregations.find((aggregation) => aggregation.field === value);
  if (first !== undefined && fieldOf(dataset, value) !== undefined) return first.as;
  faults.add(
    pointer,
    'unknown_field',
    `This answer has no column ${shown(value)} to sort by; it has ${names.join(', ')}.`,
  );
  return undefined;
}

function sortable(field: Field, timed: boolean): boolean {
  if (field.type === 'texts' || field.type === 'json' || field.shownOnly) return false;
  return !timed || field.history !== undefined;
}
