import type { Comparison, Condition } from '../ast.js';
import type { Dataset } from '../dataset-fields.js';
import { fieldNames, fieldOf } from '../datasets.js';
import { at, type Faults } from '../../../platform/input/faults.js';
import { countCondition, joined, listOf, numberOf, type ConditionScope } from './parse-condition.js';
import { objectOf } from './parse-input.js';

/** Fields of the lists in `filters`: each selects rows with one of its values. Ranges (below) include both ends. */
const LISTS: Readonly<Record<string, readonly string[]>> = {
  protocols: ['protocol'],
  chains: ['chain', 'chains'],
  tokens: ['token'],
  categories: ['category'],
};
const RANGES: Readonly<Record<string, string>> = {
  tvl_range: 'tvl',
  price_range: 'price',
  change_1h: 'change_1h',
  change_24h: 'change_24h',
  change_7d: 'change_7d',
};
const FILTERS = [...Object.keys(LISTS), ...Object.keys(RANGES)];

/** Parses `filters` to a condition. Empty lists and empty ranges do not restrict. */
export function parseFilters(value: unknown, dataset: Dataset, scope: ConditionScope): Condition | undefined {
  const pointer = '/filters';
  const given = objectOf(value, pointer, FILTERS, scope.faults);
  if (given === undefined) return undefined;
  return joined(
    Object.entries(given).map(([name, filter]) => {
      const place = at(pointer, name);
      return filter === null
        ? undefined
        : name in LISTS
          ? listFilter(name, filter, place, dataset, scope)
          : rangeFilter(name, filter, place, dataset, scope);
    }),
  );
}

function listFilter(
  name: string,
  value: unknown,
  pointer: string,
  dataset: Dataset,
  scope: ConditionScope,
): Comparison | undefined {
  if (Array.isArray(value) && value.length === 0) return undefined;
  const field = LISTS[name]?.find((candidate) => fieldOf(dataset, candidate) !== undefined);
  if (field === undefined) return notHere(name, pointer, dataset, scope.faults);
  const subject = scope.subject(field, pointer);
  if (subject === undefined || !countCondition(pointer, scope)) return undefined;
  const values = listOf(value, subject, pointer, scope.faults);
  return values && { kind: 'compare', field, operator: 'in', values };
}

function rangeFilter(
  name: string,
  value: unknown,
  pointer: string,
  dataset: Dataset,
  scope: ConditionScope,
): Condition | undefined {
  const { faults } = scope;
  const given = objectOf(value, pointer, ['min', 'max'], faults);
  if (given === undefined) return undefined;
  const ends = (['min', 'max'] as const).filter((end) => given[end] !== undefined && given[end] !== null);
  const field = RANGES[name] ?? name;
  if (ends.length === 0) return undefined;
  if (fieldOf(dataset, field) === undefined) return notHere(name, pointer, dataset, faults);
  if (scope.subject(field, pointer) === undefined) return undefined;
  const bounds = ends.map((end): Comparison | undefined => {
    const bound = numberOf(given[end], at(pointer, end), faults);
    if (bound === undefined || !countCondition(pointer, scope)) return undefined;
    return { kind: 'compare', field, operator: end === 'min' ? 'gte' : 'lte', values: [bound] };
  });
  const [min, max] = [given['min'], given['max']];
  if (typeof min === 'number' && typeof max === 'number' && min > max) {
    faults.add(pointer, 'empty_range', 'min must not be above max.');
  }
  return joined(bounds);
}

function notHere(name: string, pointer: string, dataset: Dataset, faults: Faults): undefined {
  const known = fieldNames(dataset, (field) => field.shownOnly !== true).join(', ');
  faults.add(
    pointer,
    'unknown_field',
    `The dataset ${dataset.name} has no field for ${name}; its fields are ${known}.`,
  );
}
