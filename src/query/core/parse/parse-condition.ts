import { endedFault, nameFault, normaliseName, type NameKind } from '../../../events/core/index.js';
import { compareDecimals, DECIMAL_FORM, parseDecimal } from '../../../platform/input/decimals.js';
import { isStorable, shown } from '../../../platform/input/text.js';
import { isoTime, readTime } from '../../../platform/input/time.js';
import { allOf, OPERATORS, type Comparison, type Condition, type Operator, type Value } from '../ast.js';
import { isNumeric, type FieldType } from '../dataset-fields.js';
import { at, type Faults } from '../../../platform/input/faults.js';
import { MAX_TEXT_LENGTH, QUERY_LIMITS } from '../limits.js';
import { objectOf } from './parse-input.js';

/** Field or aggregate of a condition. */
interface Subject {
  readonly type: FieldType;
  readonly names?: NameKind;
  readonly isHex?: boolean;
}

export interface ConditionScope {
  /** Returns the field or aggregate of a name; adds a fault and returns undefined if it is not allowed here. */
  subject(name: string, pointer: string): Subject | undefined;
  readonly faults: Faults;
  /** Number of conditions parsed so far in the whole query. */
  readonly counter: { conditions: number };
}

const GROUPS = ['and', 'or', 'not'] as const;
const NUMBERS_ONLY: ReadonlySet<Operator> = new Set(['gt', 'gte', 'lt', 'lte', 'between']);

/** Parses a condition tree. Recursion is limited to the allowed depth, however deep the client's tree is. */
export function parseCondition(
  value: unknown,
  pointer: string,
  scope: ConditionScope,
  depth = 0,
): Condition | undefined {
  const group = groupOf(value);
  if (group === undefined) return parseComparison(value, pointer, scope);
  if (depth === QUERY_LIMITS.depth) {
    const detail = `At most ${QUERY_LIMITS.depth} levels of and, or, not are allowed; merge nested levels of the same kind.`;
    scope.faults.limit(pointer, 'too_deep', detail);
    return undefined;
  }
  const { name, of } = group;
  const inner = at(pointer, name);
  if (name === 'not') {
    const negated = parseCondition(of, inner, scope, depth + 1);
    return negated && { kind: 'not', of: negated };
  }
  if (!Array.isArray(of) || of.length === 0) {
    scope.faults.add(inner, 'invalid_type', `${name} must be a list of at least one condition.`);
    return undefined;
  }
  if (of.length > QUERY_LIMITS.conditions) {
    tooManyConditions(inner, scope.faults);
    return undefined;
  }
  const parts = of.flatMap((part, index) => parseCondition(part, at(inner, index), scope, depth + 1) ?? []);
  return parts.length === of.length ? { kind: name, of: parts } : undefined;
}

/** Counts a condition of the query; returns false beyond the limit, and adds one fault when the limit is first exceeded. */
export function countCondition(pointer: string, scope: ConditionScope): boolean {
  scope.counter.conditions += 1;
  if (scope.counter.conditions === QUERY_LIMITS.conditions + 1) tooManyConditions(pointer, scope.faults);
  return scope.counter.conditions <= QUERY_LIMITS.conditions;
}

function tooManyConditions(pointer: string, faults: Faults): void {
  const detail = `At most ${QUERY_LIMITS.conditions} conditions are allowed in one query; combine values of a field into a list with in.`;
  faults.limit(pointer, 'too_many_conditions', detail);
}

function groupOf(value: unknown): { name: (typeof GROUPS)[number]; of: unknown } | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const [only, ...others] = Object.keys(value);
  const name = GROUPS.find((group) => group === only);
  return name === undefined || others.length > 0 ? undefined : { name, of: Object(value)[name] };
}

function parseComparison(value: unknown, pointer: string, scope: ConditionScope): Comparison | undefined {
  const { faults } = scope;
  const given = objectOf(value, pointer, ['field', 'op', 'value'], faults);
  if (given === undefined || !countCondition(pointer, scope)) return undefined;
  const operator = OPERATORS.find((candidate) => candidate === given['op']);
  if (operator === undefined) {
    faults.add(
      at(pointer, 'op'),
      'unknown_operator',
      `op must be one of ${OPERATORS.join(', ')}, not ${shown(given['op'])}.`,
    );
  }
  const { field } = given;
  if (typeof field !== 'string') {
    faults.add(
      at(pointer, 'field'),
      'required',
      'A condition must have a field, the name of the field to compare; or exactly one of and, or, not.',
    );
    return undefined;
  }
  const subject = scope.subject(field, at(pointer, 'field'));
  if (subject === undefined || operator === undefined) return undefined;
  return compared(field, subject, operator, given['value'], at(pointer, 'value'), faults);
}

function compared(
  field: string,
  subject: Subject,
  operator: Operator,
  value: unknown,
  pointer: string,
  faults: Faults,
): Comparison | undefined {
  if (operator === 'is_null') {
    if (value === undefined || typeof value === 'boolean') {
      return { kind: 'compare', field, operator, values: [], ...(value === false ? { negated: true } : {}) };
    }
    faults.add(pointer, 'invalid_type', 'is_null must be true or false.');
    return undefined;
  }
  if (!fits(operator, subject.type)) {
    const detail = `${operator} cannot be used with ${field}, which is ${TYPE_WORDS[subject.type]}; use ${usable(subject.type)}.`;
    faults.add(pointer.replace(/value$/, 'op'), 'operator_mismatch', detail);
    return undefined;
  }
  const values = valuesOf(operator, subject, value, pointer, faults);
  return values && { kind: 'compare', field, operator, values };
}

function valuesOf(
  operator: Operator,
  subject: Subject,
  value: unknown,
  pointer: string,
  faults: Faults,
): Value[] | undefined {
  if (operator === 'in' || operator === 'nin') return listOf(value, subject, pointer, faults);
  if (operator === 'between') {
    const detail = 'between must be a list of two values, the lower one first; both are included.';
    if (!Array.isArray(value) || value.length !== 2) {
      faults.add(pointer, 'invalid_type', detail);
      return undefined;
    }
    const ends = listOf(value, subject, pointer, faults);
    const [low = 0, high = 0] = ends ?? [];
    if (subject.type === 'decimal' ? compareDecimals(String(low), String(high)) > 0 : low > high)
      faults.add(pointer, 'empty_range', detail);
    return ends;
  }
  const one = valueOf(value, operator === 'like' ? { type: subject.type } : subject, pointer, faults);
  if (operator === 'like' && typeof one === 'string' && /^(?:[^\\]|\\[^])*\\$/.test(one)) {
    faults.add(
      pointer,
      'invalid_pattern',
      String.raw`A pattern must not end with a single \, which escapes the next character; write \\ for a backslash.`,
    );
  }
  return one === undefined ? undefined : [one];
}

/** Parses a list of values of one field; an empty list is a fault. */
export function listOf(value: unknown, subject: Subject, pointer: string, faults: Faults): Value[] | undefined {
  if (!Array.isArray(value) || value.length === 0) {
    faults.add(pointer, 'invalid_type', 'The value must be a list of at least one value.');
    return undefined;
  }
  if (value.length > QUERY_LIMITS.listValues) {
    const detail = `At most ${QUERY_LIMITS.listValues} values are allowed in one list; send several queries, or select by category or chain.`;
    faults.limit(pointer, 'too_many_values', detail);
    return undefined;
  }
  const values = value.flatMap((entry: unknown, index) => valueOf(entry, subject, at(pointer, index), faults) ?? []);
  return values.length === value.length ? values : undefined;
}

function valueOf(value: unknown, subject: Subject, pointer: string, faults: Faults): Value | undefined {
  switch (subject.type) {
    case 'number':
      return numberOf(value, pointer, faults);
    case 'decimal':
      return decimalOf(value, pointer, faults);
    case 'time': {
      const reading = readTime(value, 0, { days: true, digits: true });
      if ('at' in reading) return isoTime(reading.at);
      faults.add(pointer, 'invalid_time', `The time ${reading.fault}.`);
      return undefined;
    }
    default:
      if (typeof value === 'string' && value.length <= MAX_TEXT_LENGTH && isStorable(value))
        return spelled(subject.isHex ? value.toLowerCase() : value, subject.names, pointer, faults);
      faults.add(
        pointer,
        'invalid_type',
        `The value must be a text of at most ${MAX_TEXT_LENGTH} characters without zero bytes.`,
      );
      return undefined;
  }
}

function spelled(value: string, kind: NameKind | undefined, pointer: string, faults: Faults): string | undefined {
  if (kind === undefined) return value;
  const fault = nameFault(kind, value);
  if (fault === undefined) return normaliseName(kind, value);
  faults.add(pointer, 'invalid_name', endedFault(`${shown(value)} ${fault}`));
  return undefined;
}

export function numberOf(value: unknown, pointer: string, faults: Faults): number | undefined {
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  faults.add(pointer, 'invalid_type', 'The value must be a finite number, without quotes.');
  return undefined;
}

function decimalOf(value: unknown, pointer: string, faults: Faults): string | undefined {
  // A larger number was rounded before it arrived.
  const isRounded = typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER;
  const decimal = isRounded ? undefined : parseDecimal(typeof value === 'number' ? String(value) : value);
  if (decimal === undefined) faults.add(pointer, 'invalid_type', `The value must be ${DECIMAL_FORM}.`);
  return decimal;
}

const TYPE_WORDS: Readonly<Record<FieldType, string>> = {
  text: 'a text',
  number: 'a number',
  decimal: 'a number',
  time: 'a time',
  texts: 'a list of texts',
  json: 'a document',
};

function fits(operator: Operator, type: FieldType): boolean {
  if (operator === 'like') return type === 'text';
  return isNumeric({ type }) || type === 'time' || !NUMBERS_ONLY.has(operator);
}

function usable(type: FieldType): string {
  return [...OPERATORS].filter((operator) => fits(operator, type)).join(', ');
}

/** Joins conditions by `and`; absent ones are ignored. */
export function joined(conditions: readonly (Condition | undefined)[]): Condition | undefined {
  return allOf(conditions.flatMap((condition) => condition ?? []));
}
