import { count, moment, money, percent, price } from '../format.js';

/** Columns shown first: those of a row's subject. Numbers and other columns follow. */
const LEADING = ['time', 'name', 'token', 'symbol', 'protocol', 'chain'];
const PLAIN = new Set(['confidence', 'seq']);

/** Returns the column of an aggregate. */
export const columnOf = ({ as, operation, field }) => as ?? (field ? `${operation}_${field}` : operation);

/** Returns the group fields of an answer. */
export const groupsOf = ({ aggregations }) =>
  Array.isArray(aggregations) ? [aggregations[0]?.group_by ?? []].flat() : [];

/** Returns the columns of an answer in display order, without columns that have no value. */
export function columnsOf(rows, query) {
  const names = new Set();
  const numbers = new Set();
  for (const row of rows) {
    for (const [name, value] of Object.entries(row)) {
      if (name === '_key' || value === null || value?.length === 0) continue;
      names.add(name);
      if (typeof value === 'number') numbers.add(name);
    }
  }
  const groups = groupsOf(query);
  // If there is a display name, the id follows later.
  const late = names.has('name') ? ['protocol', 'symbol'] : [];
  const place = (name) => {
    if (groups.includes(name)) return 10 + groups.indexOf(name);
    if (LEADING.includes(name) && !late.includes(name)) return LEADING.indexOf(name);
    return numbers.has(name) && !PLAIN.has(name) ? 50 : 99;
  };
  return [...names]
    .sort((a, b) => place(a) - place(b))
    .map((name) => ({ name, isNumber: numbers.has(name), format: formatOf(name, query) }));
}

/** Returns the format of a column's values, the same as elsewhere on the page. */
export function formatOf(name, query) {
  const aggregations = Array.isArray(query.aggregations) ? query.aggregations : [];
  const aggregate = aggregations.find((one) => columnOf(one) === name);
  const operation = aggregate?.operation ?? '';
  if (operation.startsWith('count')) return number(count);
  const field = aggregate?.field ?? name;
  if (field.startsWith('change')) return number((value) => percent(value * 100));
  // A distance, which has no direction.
  if (field === 'moved') return number((value) => `${(value * 100).toFixed(2)} %`);
  if (/^(tvl|market_cap|volume_24h)$/.test(field)) return number(money);
  if (field === 'price') return number(price);
  if (field === 'previous' || field === 'current') return (value, row) => number(row.token ? price : money)(value);
  if (field === 'time' || field.endsWith('_at')) return (value) => (value ? moment(Date.parse(value)) : '–');
  return plain;
}

const number = (write) => (value) => (typeof value === 'number' ? write(value) : plain(value));

function plain(value) {
  if (value === null || value === undefined) return '–';
  if (Array.isArray(value)) return value.join(', ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/**
 * Compares rows in the order of the server, because live changes do not include a row's position. Missing values are
 * last.
 */
export function orderOf(query, columns) {
  const keys = sortKeys(query, new Set(columns.map(({ name }) => name)));
  return (a, b) => {
    for (const { field, order } of keys) {
      const [left, right] = [a[field] ?? null, b[field] ?? null];
      if (left === right) continue;
      if (left === null || right === null) return left === null ? 1 : -1;
      const forward = left < right ? -1 : 1;
      return order === 'desc' ? -forward : forward;
    }
    return 0;
  };
}

function sortKeys({ sort, dataset, time, ...query }, names) {
  // The server's answer has null for members that the query omits.
  const aggregations = query.aggregations ?? [];
  const [first] = aggregations;
  if (sort) {
    return [sort]
      .flat()
      .map(({ field, order }) => ({ field: names.has(field) ? field : firstOf(aggregations, field), order }));
  }
  if (time && (time.bucket || (!first && dataset !== 'events'))) {
    return [{ field: 'time' }, ...groupsOf({ aggregations }).map((field) => ({ field }))];
  }
  if (first) return [{ field: columnOf(first), order: 'desc' }];
  return [{ field: { prices: 'market_cap', events: 'seq' }[dataset] ?? 'tvl', order: 'desc' }];
}

/** Returns the column of a field's first aggregate, for a sort by the aggregated field. */
function firstOf(aggregations, field) {
  const named = aggregations.find((one) => one.field === field);
  return named ? columnOf(named) : field;
}
