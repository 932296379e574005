import type { Aggregation, SortKey, TimeRange } from '../ast.js';
import type { Dataset, Field } from '../dataset-fields.js';
import { fieldNames, fieldOf } from '../datasets.js';
import { shown } from '../../../platform/input/text.js';
import { at, type Faults } from '../../../platform/input/faults.js';
import { QUERY_LIMITS } from '../limits.js';
import { isAbsent, objectOf, wordOf } from './parse-input.js';

interface SortParts {
  readonly dataset: Dataset;
  readonly time: TimeRange | undefined;
  readonly aggregations: readonly Aggregation[];
  readonly groupBy: readonly string[];
  readonly faults: Faults;
}

/**
 * Parses the sort order, completed by the default. Equal rows are sorted by their keys, which are not part of the result.
 */
export function parseSort(value: unknown, parts: SortParts): SortKey[] {
  const { faults } = parts;
  if (isAbsent(value)) return defaultSort(parts);
  const keys: unknown[] = Array.isArray(value) ? value : [value];
  if (keys.length > QUERY_LIMITS.sortKeys) {
    faults.limit('/sort', 'too_many_sort_keys', `sort must have at most ${QUERY_LIMITS.sortKeys} fields.`);
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
 * Returns the default order: buckets by time, groups by their first aggregate in descending order, rows by their dataset's
 * default.
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
    faults.add(pointer, 'required', `field must be one of ${names.join(', ')}.`);
    return undefined;
  }
  if (names.includes(value)) return value;
  // Also accepted, because the published example sorts by the field that it aggregates.
  const first = aggregations.find((aggregation) => aggregation.field === value);
  if (first !== undefined && fieldOf(dataset, value) !== undefined) return first.as;
  faults.add(pointer, 'unknown_field', `Unknown sort field ${shown(value)}; allowed: ${names.join(', ')}.`);
  return undefined;
}

function sortable(field: Field, timed: boolean): boolean {
  if (field.type === 'texts' || field.type === 'json' || field.shownOnly) return false;
  return !timed || field.history !== undefined;
}
