import { at, MAX_FAULTS } from '../../../platform/input/faults.js';
import { isPlainText, isStorable } from '../../../platform/input/text.js';
import {
  endedFault,
  nameFault,
  normaliseName,
  RULE_EVENT_TYPES,
  type NameKind,
  type RuleEventType,
} from '../../../events/core/index.js';
import {
  FIELD_OPERATORS,
  OPERATORS,
  RULE_LIMITS,
  VALUE_METRICS,
  type Condition,
  type ConditionSubject,
  type FieldTest,
  type SubjectFilter,
  type RuleFinding,
  type Where,
} from './rule.js';

interface ParsedConditions {
  readonly conditions: readonly Condition[];
  readonly where: Where | null;
  /** Errors of the input. If there are any, the other members are incomplete. */
  readonly errors: RuleFinding[];
}

/** Members of every condition. */
const SUBJECT_FIELDS = ['protocol', 'chain', 'token', 'metric'] as const;
const FIELDS = [
  ...SUBJECT_FIELDS,
  'account',
  'operator',
  'threshold',
  'timeWindow',
  'direction',
  'tolerance',
  'eventType',
  'field',
  'absent',
  'categories',
  'tags',
  'minTvl',
] as const;
/** Members of a condition on an event. */
const EVENT_FIELDS: readonly Field[] = [...SUBJECT_FIELDS, 'eventType', 'field', 'operator', 'threshold'];
/** Members of a condition on absence. */
const ABSENT_FIELDS: readonly Field[] = [...SUBJECT_FIELDS, 'absent', 'categories', 'tags', 'minTvl'];
/** Event types whose numbers have their own metrics. */
const MEASURED: readonly RuleEventType[] = ['tvl_change', 'price_change'];
type Field = (typeof FIELDS)[number];

const UNKNOWN_FIELD = `Unknown field; allowed: ${FIELDS.join(', ')}.`;

const ADDRESS = /^0x[0-9a-f]{40}$/i;
const MAX_NAME_LENGTH = 200;
/** Maximum nesting of the input: far more than a rule may have, and a bound on the recursion for hostile input. */
const MAX_INPUT_DEPTH = 32;

/**
 * Reads `conditions` and `where` of a request body; names are converted to the spelling of the log. Accepts an event type
 * as metric.
 */
export function parseConditions(conditions: unknown, where: unknown): ParsedConditions {
  const parser = new ConditionParser();
  const list = conditions === undefined || conditions === null ? [] : conditions;
  const parsed = parser.list(list, '/conditions', (item, pointer) => parser.condition(item, pointer));
  const tree = where === undefined || where === null ? null : parser.where(where, '/where', 1);
  return { conditions: parsed, where: tree ?? null, errors: parser.errors };
}

class ConditionParser {
  /** Errors by JSON pointer: only the first error at each pointer is reported. */
  private readonly faults = new Map<string, RuleFinding>();

  get errors(): RuleFinding[] {
    return [...this.faults.values()];
  }

  list<T>(input: unknown, pointer: string, read: (item: unknown, pointer: string) => T | undefined): T[] {
    if (!Array.isArray(input)) {
      this.fail(pointer, 'invalid_type', 'Must be a list.');
      return [];
    }
    if (input.length > RULE_LIMITS.leaves) {
      this.fail(pointer, 'too_many', `At most ${RULE_LIMITS.leaves} conditions.`);
      return [];
    }
    return input.flatMap((item: unknown, index) => read(item, `${pointer}/${index}`) ?? []);
  }

  where(input: unknown, pointer: string, depth: number): Where | undefined {
    if (!isRecord(input)) return this.fail(pointer, 'invalid_type', 'Must be an object.');
    if (depth > MAX_INPUT_DEPTH) return this.fail(pointer, 'too_deep', `At most ${RULE_LIMITS.depth} levels.`);
    const joints = ['and', 'or', 'not'].filter((joint) => Object.hasOwn(input, joint));
    const [joint] = joints;
    if (joint === undefined) return this.condition(input, pointer);
    if (Object.keys(input).length > 1) {
      return this.fail(pointer, 'ambiguous', `"${joint}" must stand alone: give no other field beside it.`);
    }
    if (joint === 'not') {
      const not = this.where(input['not'], `${pointer}/not`, depth + 1);
      return not && { not };
    }
    const parts = this.list(input[joint], `${pointer}/${joint}`, (item, at) => this.where(item, at, depth + 1));
    return joint === 'and' ? { and: parts } : { or: parts };
  }

  condition(input: unknown, pointer: string): Condition | undefined {
    if (!isRecord(input)) return this.fail(pointer, 'invalid_type', 'Must be an object.');
    for (const name of Object.keys(input)) {
      if (!isOneOf(name, FIELDS)) this.fail(at(pointer, name), 'unknown_field', UNKNOWN_FIELD);
    }
    const subject = this.subject(input, pointer);
    const { metric } = input;
    if (metric === 'event') return this.eventCondition(subject, input, input['eventType'], pointer, 'eventType');
    if (isOneOf(metric, RULE_EVENT_TYPES)) return this.eventCondition(subject, input, metric, pointer, 'metric');
    if (!isOneOf(metric, VALUE_METRICS)) {
      return this.fail(
        `${pointer}/metric`,
        'invalid_value',
        `Must be one of ${[...VALUE_METRICS, 'event'].join(', ')}.`,
      );
    }
    for (const name of ['field', 'eventType'] as const) {
      if (isGiven(input[name]))
        this.fail(`${pointer}/${name}`, 'not_applicable', 'Only allowed with "metric": "event".');
    }
    if (isGiven(input['absent'])) return this.absentCondition(subject, input, pointer);
    const { operator } = input;
    if (!isOneOf(operator, OPERATORS)) {
      return this.fail(`${pointer}/operator`, 'invalid_value', `Must be one of ${OPERATORS.join(', ')}.`);
    }
    const threshold = this.number(input, 'threshold', pointer);
    if (threshold === undefined) return this.fail(`${pointer}/threshold`, 'required', 'Must be a finite number.');
    const timeWindow = this.number(input, 'timeWindow', pointer);
    const tolerance = this.number(input, 'tolerance', pointer);
    const direction = isOneOf(input['direction'], ['up', 'down'] as const) ? input['direction'] : undefined;
    if (isGiven(input['direction']) && !direction) {
      this.fail(`${pointer}/direction`, 'invalid_value', 'Must be one of up, down.');
    }
    return {
      ...subject,
      ...this.filter(input, pointer),
      metric,
      operator,
      threshold,
      ...(timeWindow === undefined ? {} : { timeWindow }),
      ...(direction ? { direction } : {}),
      ...(tolerance === undefined ? {} : { tolerance }),
    };
  }

  /** Reads the filter that limits the protocols or tokens of a wildcard. */
  private filter(input: Record<string, unknown>, pointer: string): SubjectFilter {
    const categories = this.names(input, 'categories', pointer);
    const tags = this.names(input, 'tags', pointer);
    const minTvl = this.number(input, 'minTvl', pointer);
    return {
      ...(categories === undefined ? {} : { categories }),
      ...(tags === undefined ? {} : { tags }),
      ...(minTvl === undefined ? {} : { minTvl }),
    };
  }

  private names(input: Record<string, unknown>, field: Field, pointer: string): string[] | undefined {
    const value = input[field];
    if (!isGiven(value)) return undefined;
    const { filterNames: most } = RULE_LIMITS;
    const isName = (name: unknown): name is string =>
      typeof name === 'string' && name !== '' && isPlainText(name, MAX_NAME_LENGTH);
    if (Array.isArray(value) && value.length > 0 && value.length <= most && value.every(isName)) return value;
    const detail = `Must be a list of 1 to ${most} names of at most ${MAX_NAME_LENGTH} characters.`;
    return this.fail(`${pointer}/${field}`, 'invalid_value', detail);
  }

  private absentCondition(
    subject: ConditionSubject,
    input: Record<string, unknown>,
    pointer: string,
  ): Condition | undefined {
    const { metric, absent } = input;
    for (const name of FIELDS) {
      if (!isGiven(input[name]) || ABSENT_FIELDS.includes(name)) continue;
      this.fail(`${pointer}/${name}`, 'not_applicable', 'Must not be given together with "absent".');
    }
    if (metric !== 'tvl' && metric !== 'price') {
      return this.fail(`${pointer}/metric`, 'not_applicable', 'Must be one of tvl, price with "absent".');
    }
    if (!isRecord(absent)) return this.fail(`${pointer}/absent`, 'invalid_type', 'Must be an object with "minutes".');
    for (const name of Object.keys(absent)) {
      if (name !== 'minutes')
        this.fail(at(`${pointer}/absent`, name), 'unknown_field', 'Unknown field; allowed: minutes.');
    }
    const { minutes } = absent;
    if (typeof minutes === 'number' && Number.isFinite(minutes))
      return { ...subject, ...this.filter(input, pointer), metric, absent: { minutes } };
    const code = isGiven(minutes) ? 'invalid_type' : 'required';
    return this.fail(`${pointer}/absent/minutes`, code, 'Must be a number of minutes.');
  }

  private eventCondition(
    subject: ConditionSubject,
    input: Record<string, unknown>,
    type: unknown,
    pointer: string,
    typeField: Field,
  ): Condition | undefined {
    if (!isOneOf<RuleEventType>(type, RULE_EVENT_TYPES)) {
      return this.fail(`${pointer}/${typeField}`, 'invalid_value', `Must be one of ${RULE_EVENT_TYPES.join(', ')}.`);
    }
    for (const name of FIELDS) {
      if (!isGiven(input[name]) || EVENT_FIELDS.includes(name)) continue;
      this.fail(`${pointer}/${name}`, 'not_applicable', 'Not allowed in a condition on an event.');
    }
    const test = this.fieldTest(input, pointer);
    if (test && MEASURED.includes(type)) {
      return this.fail(
        `${pointer}/field`,
        'not_applicable',
        `Not allowed for a ${type}: compare the metric tvl or price instead.`,
      );
    }
    return { ...subject, metric: 'event', eventType: type, ...test };
  }

  /** Reads `field`, `operator` and `threshold` of a condition on an event: all three or none must be given. */
  private fieldTest(input: Record<string, unknown>, pointer: string): FieldTest | undefined {
    const { field, operator, threshold } = input;
    if (![field, operator, threshold].some(isGiven)) return undefined;
    if (typeof field !== 'string' || field === '' || !isPlainText(field, MAX_NAME_LENGTH)) {
      const detail = `Must name a member of the event's data, such as "amountUsd", at most ${MAX_NAME_LENGTH} characters.`;
      return this.fail(`${pointer}/field`, isGiven(field) ? 'invalid_value' : 'required', detail);
    }
    if (!isOneOf(operator, FIELD_OPERATORS)) {
      return this.fail(`${pointer}/operator`, 'invalid_value', `Must be one of ${FIELD_OPERATORS.join(', ')}.`);
    }
    if (typeof threshold === 'number' && Number.isFinite(threshold)) return { field, operator, threshold };
    if (typeof threshold !== 'string' || threshold.length > MAX_NAME_LENGTH || !isStorable(threshold)) {
      const detail = `Must be a finite number, or a text of at most ${MAX_NAME_LENGTH} characters.`;
      return this.fail(`${pointer}/threshold`, isGiven(threshold) ? 'invalid_type' : 'required', detail);
    }
    if (operator === 'eq' || operator === 'ne') return { field, operator, threshold };
    return this.fail(`${pointer}/operator`, 'not_applicable', 'Must be one of eq, ne for a text.');
  }

  private subject(input: Record<string, unknown>, pointer: string): ConditionSubject {
    const protocol = this.name(input, 'protocol', pointer);
    const chain = this.name(input, 'chain', pointer);
    const token = this.name(input, 'token', pointer);
    const { account } = input;
    return {
      ...(protocol === undefined || protocol === '*' ? {} : { protocol }),
      ...(chain === undefined ? {} : { chain }),
      ...(token === undefined || token === '*' ? {} : { token }),
      ...(isGiven(account) && account !== '*' ? { account: this.account(account, pointer) } : {}),
    };
  }

  private account(value: unknown, pointer: string): string | undefined {
    if (typeof value === 'string' && ADDRESS.test(value)) return value.toLowerCase();
    return this.fail(`${pointer}/account`, 'invalid_value', 'Must be an address, 0x and 40 hexadecimal digits, or *.');
  }

  /** Reads a name in the spelling of the log; a name that no data can have is refused. */
  private name(input: Record<string, unknown>, kind: NameKind, pointer: string): string | undefined {
    const value = input[kind];
    if (!isGiven(value)) return undefined;
    if (typeof value !== 'string') return this.fail(`${pointer}/${kind}`, 'invalid_type', 'Must be a name.');
    const fault = nameFault(kind, value);
    if (fault === undefined) return normaliseName(kind, value);
    return this.fail(`${pointer}/${kind}`, 'invalid_value', endedFault(`M${fault.slice(1)}`));
  }

  private number(input: Record<string, unknown>, field: Field, pointer: string): number | undefined {
    const value = input[field];
    if (!isGiven(value)) return undefined;
    if (typeof value === 'number' && Number.isFinite(value)) return value;
    return this.fail(`${pointer}/${field}`, 'invalid_type', 'Must be a finite number.');
  }

  private fail(pointer: string, code: string, detail: string): undefined {
    if (this.faults.size < MAX_FAULTS && !this.faults.has(pointer)) this.faults.set(pointer, { pointer, code, detail });
  }
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isOneOf<T extends string>(value: unknown, allowed: readonly T[]): value is T {
  return allowed.some((one) => one === value);
}
