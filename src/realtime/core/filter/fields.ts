import { FINALITIES, roundToStep, type Subject } from '../../../events/index.js';
import { stepIndex, type CompiledFields, type ConditionName, type Filtered, type Values } from './conditions.js';
import { readNames, readTypes } from './readers.js';
import type { Input } from '../wire/input.js';
import { narrowedTypes } from './selected-types.js';
import type { SubscriptionFilter, SubscriptionRequest } from './subscription-request.js';

export type FieldName = keyof SubscriptionFilter;
/** Filter as answers of Socket.IO and REST show it. */
export type SpelledFilter = Omit<SubscriptionFilter, 'types'> & { eventTypes?: SubscriptionFilter['types'] };
/** Spellings of the field names: plain WebSocket has its own, Socket.IO, event streams and REST share one. */
export type Dialect = 'common' | 'webSocket';

/** Texts of the API documents. */
interface FieldDocs {
  /**
   * Description of the query parameter of event streams, without its end: documents append a full stop or ",
   * comma-separated.".
   */
  readonly stream: string;
  /** Description in client messages (AsyncAPI). */
  readonly message?: string;
  /** Member for a single value: its description in AsyncAPI, and its example in REST. */
  readonly one?: { readonly message: string; readonly example: string };
  /** Description in REST request bodies, and the example there. */
  readonly body?: string;
  readonly bodyExample?: number;
  /** Schema in answers (AsyncAPI). */
  readonly answer?: { readonly description: string; readonly minimum?: number };
  /** Description in REST responses. */
  readonly bodyAnswer?: string;
  /** Value in the example of `subscribe`. */
  readonly sample?: number | readonly string[];
}

/** Properties of a filter field: the only place that describes a field. */
export interface FilterField<Name extends FieldName = FieldName> {
  /** Spelling on Socket.IO, event streams and REST. */
  readonly name: string;
  /** Spelling on plain WebSocket if it differs. */
  readonly webSocketName?: string;
  /** Spelling of a single value on Socket.IO and REST. */
  readonly one?: Subject;
  readonly form: 'names' | 'types' | 'number' | 'choice';
  /** Values of a choice. */
  readonly choices?: readonly string[];
  /** Maximum of a number; undefined: no maximum. */
  readonly max?: number;
  /** Position in documents that list the most selective fields first. */
  readonly place: number;
  /** Condition that compares this field with events. */
  readonly condition: ConditionName;
  readonly docs: FieldDocs;
  /** Reads the value in canonical form; undefined when absent. */
  read(input: Input, name: string): SubscriptionFilter[Name];
  /** Returns the compiled values with which events are compared. Subscriptions with equal compiled values share a group. */
  compile(request: SubscriptionRequest): Partial<CompiledFields>;
  /** Whether a subscription's value of this field equals the selector's value. */
  isSelected(selector: SubscriptionFilter, subscription: Filtered): boolean;
}

const MAX_THRESHOLD = 1_000;

/** Returns the common members of the fields that list names of one kind. */
function naming<Kind extends Subject>(kind: Kind) {
  return {
    one: kind,
    form: 'names',
    condition: `${kind}s`,
    read: (input: Input, name: string) => readNames(input, name, kind),
    isSelected: (selector: SubscriptionFilter, { filter }: Filtered) => isSame(filter[kind], selector[`${kind}s`]),
  } as const;
}

/**
 * Filter fields, in the order in which they are read. A new field needs a record here and its comparison: in
 * conditions.ts and, as hand-written code, in filter.ts and filter-index.ts.
 */
export const FILTER_FIELDS: { readonly [Name in FieldName]: FilterField<Name> } = {
  protocols: {
    ...naming('protocol'),
    name: 'protocols',
    webSocketName: 'protocolIds',
    place: 1,
    docs: {
      stream: 'Protocol slugs',
      message: 'protocol slugs',
      one: { message: 'one protocol slug', example: 'uniswap-v3' },
      sample: ['uniswap-v3', 'aave-v3'],
    },
    compile: (request) => ({ protocol: valuesOf(request, 'protocol') }),
  },
  chains: {
    ...naming('chain'),
    name: 'chains',
    place: 3,
    docs: { stream: 'Chains', message: 'chains', one: { message: 'one chain', example: 'ethereum' } },
    compile: (request) => ({ chain: valuesOf(request, 'chain') }),
  },
  tokens: {
    ...naming('token'),
    name: 'tokens',
    webSocketName: 'tokenIds',
    place: 2,
    docs: {
      stream: 'Token ids',
      message: 'token ids',
      one: { message: 'one token id', example: 'bitcoin' },
      sample: ['ethereum', 'bitcoin'],
    },
    compile: (request) => ({ token: valuesOf(request, 'token') }),
  },
  types: {
    name: 'eventTypes',
    form: 'types',
    place: 4,
    condition: 'eventTypes',
    docs: { stream: 'Event types', body: 'Event types, by either of their two names.' },
    read: readTypes,
    compile: (request) => ({ types: narrowedTypes(request, request.filter.types) }),
    isSelected: ({ types }, { filter, request }) => filter.types.join() === narrowedTypes(request, types).join(),
  },
  threshold: {
    name: 'threshold',
    form: 'number',
    max: MAX_THRESHOLD,
    place: 5,
    condition: 'threshold',
    docs: {
      stream: 'Minimum move, a fraction: 0.05 is 5 %',
      message: 'minimum move, a fraction: 0.05 is 5 %; rounded down to a step, which the answer names',
      body: 'Minimum move, a fraction: 0.05 is 5 %. Rounded down to a step, which the answer shows.',
      bodyExample: 0.05,
      answer: { description: 'step to which the threshold was rounded', minimum: 0 },
      bodyAnswer: 'Step to which the threshold was rounded.',
    },
    read(input, name) {
      const threshold = input.number(name, 0, MAX_THRESHOLD);
      return threshold === undefined ? undefined : roundToStep(threshold);
    },
    compile: ({ filter }) => ({ stepIndex: stepIndex(filter.threshold) }),
    isSelected: ({ threshold }, { request }) => threshold === (request.filter.threshold ?? 0),
  },
  minValue: {
    name: 'minValue',
    form: 'number',
    place: 6,
    condition: 'range',
    docs: {
      stream: 'US dollars',
      message: 'US dollars; matches if the previous or the current value is in the range',
      body: 'US dollars; matches if the previous or the current value is in the range.',
      answer: { description: 'US dollars' },
      sample: 1000,
    },
    read: readAmount,
    compile: ({ filter }) => ({ min: filter.minValue }),
    isSelected: ({ minValue }, { filter }) => minValue === filter.min,
  },
  maxValue: {
    name: 'maxValue',
    form: 'number',
    place: 7,
    condition: 'range',
    docs: {
      stream: 'US dollars',
      message: 'US dollars',
      body: 'US dollars.',
      answer: { description: 'US dollars' },
    },
    read(input, name) {
      const max = readAmount(input, name);
      const min = readAmount(input, 'minValue');
      if (max !== undefined && min !== undefined && min > max) throw input.fault(name, 'must not be below minValue');
      return max;
    },
    compile: ({ filter }) => ({ max: filter.maxValue }),
    isSelected: ({ maxValue }, { filter }) => maxValue === filter.max,
  },
  finality: {
    name: 'finality',
    form: 'choice',
    choices: FINALITIES,
    place: 8,
    condition: 'finality',
    docs: {
      stream: 'On-chain events as soon as they are seen (instant, the default), or once their block is final (final)',
      message: 'on-chain events as soon as they are seen (instant, the default), or once their block is final (final)',
      body: 'On-chain events as soon as they are seen (instant, the default), or once their block is final (final).',
    },
    read: (input, name) => input.oneOf(name, FINALITIES),
    compile: ({ filter }) => ({ finality: filter.finality ?? 'instant' }),
    isSelected: ({ finality }, { filter }) => finality === filter.finality,
  },
};

const isFieldName = (name: string): name is FieldName => Object.hasOwn(FILTER_FIELDS, name);
/** Keys of the table, in its order. */
export const FIELD_NAMES: readonly FieldName[] = Object.keys(FILTER_FIELDS).filter(isFieldName);
/** Records of the table, in its order. */
export const FIELDS: readonly FilterField[] = FIELD_NAMES.map((name) => FILTER_FIELDS[name]);
/** Records in the order of documents that list the most selective fields first. */
export const FIELDS_BY_PLACE: readonly FilterField[] = FIELDS.toSorted((a, b) => a.place - b.place);

/** Returns the name of a field in a dialect. */
export function spellingOf({ name, webSocketName = name }: FilterField, dialect: Dialect): string {
  return dialect === 'webSocket' ? webSocketName : name;
}

/** Reads a filter in canonical form: aliases resolved, lists sorted and without repetition, the threshold a step. */
export function readFilter(input: Input, dialect: Dialect): SubscriptionFilter {
  const filter: SubscriptionFilter = {};
  for (const name of FIELD_NAMES) {
    const value = FILTER_FIELDS[name].read(input, spellingOf(FILTER_FIELDS[name], dialect));
    if (value !== undefined) Object.assign(filter, { [name]: value });
  }
  return filter;
}

/** Compiles all fields of a subscription. */
export function compileFields(request: SubscriptionRequest): CompiledFields {
  const compiled: CompiledFields = {
    types: [],
    protocol: undefined,
    chain: undefined,
    token: undefined,
    stepIndex: 0,
    min: undefined,
    max: undefined,
    finality: 'instant',
  };
  for (const field of FIELDS) Object.assign(compiled, field.compile(request));
  return compiled;
}

/** Whether a subscription has exactly the values that the selector names; fields left out match anything. */
export function hasFields(subscription: Filtered, selector: SubscriptionFilter): boolean {
  return FIELD_NAMES.every(
    (name) => selector[name] === undefined || FILTER_FIELDS[name].isSelected(selector, subscription),
  );
}

/** Returns the fields whose spelling in a dialect differs from their key in the table. */
const renamedIn = (dialect: Dialect): readonly { name: FieldName; spelling: string }[] =>
  FIELD_NAMES.map((name) => ({ name, spelling: spellingOf(FILTER_FIELDS[name], dialect) })).filter(
    ({ name, spelling }) => spelling !== name,
  );
const RENAMED = { common: renamedIn('common'), webSocket: renamedIn('webSocket') };

/**
 * Returns a filter with the names of a dialect. Renamed members are separate, because some answers list them first,
 * others last.
 */
export function spelled(filter: SubscriptionFilter, dialect: Dialect): Record<'same' | 'renamed', object> {
  const same = { ...filter };
  const renamed = {};
  for (const { name, spelling } of RENAMED[dialect]) {
    if (filter[name] === undefined) continue;
    delete same[name];
    Object.assign(renamed, { [spelling]: filter[name] });
  }
  return { same, renamed };
}

function readAmount(input: Input, name: string): number | undefined {
  return input.number(name, 0, Number.MAX_VALUE);
}

/**
 * Returns the values allowed in a dimension: those in both the subscription's subject and the filter; if only one of the
 * two names values, those.
 */
function valuesOf({ about, filter }: SubscriptionRequest, dimension: Subject): Values | undefined {
  const [subject, listed] = [about?.[dimension], filter[`${dimension}s`]];
  const both = subject && listed ? subject.filter((value) => listed.includes(value)) : (subject ?? listed);
  return both && new Set(both);
}

function isSame(values: Values | undefined, named: readonly string[] = []): boolean {
  return values !== undefined && values.size === named.length && named.every((value) => values.has(value));
}
