import { BUCKETS, DATASETS, FILLS, type Aggregation, type DatasetName, type Query, type TimeRange } from '../ast.js';
import type { Dataset, Field } from '../dataset-fields.js';
import { aggregateType, datasetOf, fieldNames, fieldOf } from '../datasets.js';
import { shown } from '../../../platform/input/text.js';
import { at, Faults, inputFault } from '../../../platform/input/faults.js';
import { DEFAULT_LIMIT, QUERY_LIMITS } from '../limits.js';
import { parseAggregations } from './parse-aggregations.js';
import { joined, parseCondition, type ConditionScope } from './parse-condition.js';
import { parseFilters } from './parse-filters.js';
import { isAbsent, objectOf, wordOf, type Members } from './parse-input.js';
import { parseSort } from './parse-sort.js';
import { parseTime, RANGE_FORMS, readTime } from '../../../platform/input/time.js';

const MEMBERS = [
  'dataset',
  'filters',
  'where',
  'time',
  'aggregations',
  'having',
  'sort',
  'limit',
  'cursor',
  'at_least',
  'explain',
] as const;
const MAX_CURSOR_LENGTH = 8_192;

/**
 * Parses a request body to a query; throws one DomainError that lists every fault with its position and remedy. Recursion is
 * bounded.
 */
export function parseQuery(body: unknown): Query {
  const faults = new Faults();
  const given = objectOf(body, '', MEMBERS, faults);
  if (given === undefined) throw bodyFault();
  const dataset = datasetOf(datasetName(given['dataset'], faults));
  const time = present(given['time']) ? parseTimeRange(given['time'], dataset, faults) : undefined;
  const counter = { conditions: 0 };
  const scope: ConditionScope = {
    faults,
    counter,
    subject: (name, pointer) => rowField(dataset, name, pointer, present(given['time']), faults),
  };
  const where = joined([
    present(given['filters']) ? parseFilters(given['filters'], dataset, scope) : undefined,
    present(given['where']) ? parseCondition(given['where'], '/where', scope) : undefined,
  ]);
  const { aggregations, groupBy } = parseAggregations(given['aggregations'], dataset, scope.subject, faults);
  const having = present(given['having'])
    ? parseHaving(given['having'], { dataset, aggregations, groupBy, faults, counter })
    : undefined;
  const sort = parseSort(given['sort'], { dataset, time, aggregations, groupBy, faults });
  const query: Query = {
    dataset: dataset.name,
    ...(where && { where }),
    ...(time && { time }),
    aggregations,
    groupBy,
    ...(having && { having }),
    sort,
    limit: parseLimit(given['limit'], faults),
    ...cursorOf(given, 'cursor', 'cursor', faults),
    ...cursorOf(given, 'at_least', 'atLeast', faults),
    explain: parseFlag(given['explain'], '/explain', faults),
  };
  faults.check();
  return query;
}

const present = (value: unknown): boolean => !isAbsent(value);

function bodyFault(): Error {
  return inputFault(
    'invalid_request',
    '',
    'invalid_type',
    'The body must be a JSON object, with Content-Type application/json.',
  );
}

function datasetName(value: unknown, faults: Faults): DatasetName {
  return wordOf(value, '/dataset', DATASETS, faults) ?? 'tvl';
}

/** Returns a field that conditions, groups and aggregates may use; adds a fault and returns undefined for any other. */
function rowField(dataset: Dataset, name: string, pointer: string, timed: boolean, faults: Faults): Field | undefined {
  const field = fieldOf(dataset, name);
  const usable = (candidate: Field): boolean =>
    candidate.shownOnly !== true && !(timed && dataset.metric !== undefined && candidate.history === undefined);
  if (field !== undefined && usable(field)) return field;
  const known = fieldNames(dataset, usable).join(', ');
  if (field?.history === undefined && field !== undefined && timed && field.shownOnly !== true) {
    faults.add(pointer, 'no_history', `${name} has no recorded history: omit time, or use ${known}.`);
  } else {
    faults.add(
      pointer,
      'unknown_field',
      `The dataset ${dataset.name} has no field ${shown(name)} for queries; its fields are ${known}.`,
    );
  }
  return undefined;
}

function parseTimeRange(value: unknown, dataset: Dataset, faults: Faults): TimeRange | undefined {
  const given = objectOf(value, '/time', ['from', 'to', 'bucket', 'fill'], faults);
  if (given === undefined) return undefined;
  if (dataset.metric === undefined && dataset.timeField === undefined) {
    faults.add('/time', 'no_history', `The dataset ${dataset.name} has no history: omit time, or use tvl or prices.`);
    return undefined;
  }
  const from = timeText(given['from'] ?? 'now-24h', '/time/from', faults);
  const to = timeText(given['to'] ?? 'now', '/time/to', faults);
  const bucket = wordOf(given['bucket'], '/time/bucket', BUCKETS, faults);
  const fill = wordOf(given['fill'], '/time/fill', FILLS, faults) ?? 'none';
  if (fill !== 'none' && bucket === undefined) {
    faults.add('/time/fill', 'needs_bucket', `fill needs time.bucket, one of ${BUCKETS.join(', ')}.`);
  }
  if (fill === 'previous' && dataset.metric === undefined) {
    faults.add(
      '/time/fill',
      'no_levels',
      'fill must be none or null for this dataset; previous is for tvl and prices only.',
    );
  }
  const now = Date.now();
  if (from !== undefined && to !== undefined && Number(parseTime(from, now)) >= Number(parseTime(to, now))) {
    faults.add('/time', 'empty_range', 'time.from must be before time.to.');
  }
  return { from: from ?? 'now', to: to ?? 'now', ...(bucket && { bucket }), fill };
}

function timeText(value: unknown, pointer: string, faults: Faults): string | undefined {
  const reading = readTime(typeof value === 'number' ? String(value) : value, Date.now(), RANGE_FORMS);
  if (typeof value === 'string' && 'at' in reading) return value;
  faults.add(pointer, 'invalid_time', `The time ${'fault' in reading ? reading.fault : 'must be a text'}.`);
  return undefined;
}

interface HavingParts {
  dataset: Dataset;
  aggregations: readonly Aggregation[];
  groupBy: readonly string[];
  faults: Faults;
  counter: { conditions: number };
}

function parseHaving(value: unknown, { dataset, aggregations, groupBy, faults, counter }: HavingParts) {
  if (aggregations.length === 0) {
    faults.add('/having', 'needs_aggregations', 'having needs aggregations; add some, or move the condition to where.');
    return undefined;
  }
  const names = [...aggregations.map((aggregation) => aggregation.as), ...groupBy];
  return parseCondition(value, '/having', {
    faults,
    counter,
    subject: (name, pointer) => {
      const aggregation = aggregations.find(({ as }) => as === name);
      if (aggregation !== undefined) return { type: aggregateType(aggregation, dataset) };
      const field = groupBy.includes(name) ? fieldOf(dataset, name) : undefined;
      if (field === undefined) {
        faults.add(pointer, 'unknown_field', `Unknown name ${shown(name)} in having; allowed: ${names.join(', ')}.`);
      }
      return field;
    },
  });
}

function parseLimit(value: unknown, faults: Faults): number {
  if (!present(value)) return DEFAULT_LIMIT;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1) {
    faults.add('/limit', 'invalid_type', `limit must be a whole number from 1 to ${QUERY_LIMITS.pageRows}.`);
    return DEFAULT_LIMIT;
  }
  if (value > QUERY_LIMITS.pageRows) {
    const detail = `At most ${QUERY_LIMITS.pageRows} rows are allowed per page; request the others with page.next_cursor.`;
    faults.limit('/limit', 'too_many_rows', detail);
  }
  return value;
}

function cursorOf(
  given: Members,
  name: string,
  member: 'cursor' | 'atLeast',
  faults: Faults,
): Partial<Pick<Query, 'cursor' | 'atLeast'>> {
  const value = given[name];
  if (!present(value)) return {};
  if (typeof value === 'string' && value.length <= MAX_CURSOR_LENGTH) return { [member]: value };
  faults.add(
    at('', name),
    'invalid_cursor',
    `${name} must be a cursor exactly as an answer contained it; send such a cursor, or omit ${name}.`,
  );
  return {};
}

function parseFlag(value: unknown, pointer: string, faults: Faults): boolean {
  if (present(value) && typeof value !== 'boolean')
    faults.add(pointer, 'invalid_type', 'The value must be true or false.');
  return value === true;
}
