import { DomainError } from '../../../platform/errors/domain-error.js';
import { isBlank, isPlainText } from '../../../platform/input/text.js';

/** Maximum number of entries in one list of a filter; longer lists must be split into several subscriptions. */
const MAX_LIST_ENTRIES = 500;
/** Longest name of a protocol, chain, token or channel, characters. */
const MAX_NAME_LENGTH = 160;

export function invalid(field: string, detail: string): DomainError {
  if (field === '') return new DomainError('invalid_request', detail);
  return new DomainError('invalid_request', `${field} ${detail}`, {
    field,
    errors: [{ pointer: `/${field.replaceAll('.', '/')}`, code: 'invalid', detail }],
  });
}

interface InputOptions {
  /** Path of the object in the input, ending with a dot. */
  readonly path?: string;
  /** Maximum number of names in one list. */
  readonly maxNames?: number;
}

/**
 * Reads an untrusted object field by field. Every reader returns the value, undefined when the field is absent, or throws
 * `invalid_request` that names the field. Unknown fields are refused: a misspelt filter must not mean "everything".
 */
export class Input {
  private constructor(
    private readonly values: ReadonlyMap<string, unknown>,
    private readonly path: string,
    private readonly maxNames: number,
  ) {}

  static of(
    value: unknown,
    known: readonly string[],
    { path = '', maxNames = MAX_LIST_ENTRIES }: InputOptions = {},
  ): Input {
    const values = new Map(entriesOf(value, path));
    for (const name of values.keys()) {
      if (!known.includes(name)) throw invalid(path + name.slice(0, 64), `is unknown; allowed: ${known.join(', ')}`);
    }
    return new Input(values, path, maxNames);
  }

  /** Reads the named fields of an object and ignores all others. */
  static partOf(value: unknown, names: readonly string[]): Input {
    return new Input(new Map(entriesOf(value, '').filter(([name]) => names.includes(name))), '', MAX_LIST_ENTRIES);
  }

  has(name: string): boolean {
    return this.values.get(name) !== undefined;
  }

  /** Returns the raw value, which the caller reads itself. */
  value(name: string): unknown {
    return this.values.get(name);
  }

  text(name: string, maxLength = MAX_NAME_LENGTH): string | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'string' || !isText(value, maxLength)) {
      throw this.fault(name, `must be a text of 1 to ${maxLength} characters`);
    }
    return value;
  }

  oneOf<T extends string>(name: string, values: readonly T[]): T | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    const found = values.find((candidate) => candidate === value);
    if (found === undefined) throw this.fault(name, `must be one of ${values.join(', ')}`);
    return found;
  }

  number(name: string, min: number, max: number): number | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !(value >= min && value <= max)) {
      throw this.fault(name, `must be a number from ${min} to ${max}`);
    }
    return value;
  }

  wholeNumber(name: string, min: number, max: number): number | undefined {
    const value = this.number(name, min, max);
    if (value !== undefined && !Number.isInteger(value)) throw this.fault(name, 'must be a whole number');
    return value;
  }

  flag(name: string): boolean | undefined {
    const value = this.values.get(name);
    if (value === undefined || typeof value === 'boolean') return value;
    throw this.fault(name, 'must be true or false');
  }

  /** Reads a list of names. */
  names(name: string): readonly string[] | undefined {
    const value = this.values.get(name);
    if (value === undefined) return undefined;
    if (!Array.isArray(value) || value.length === 0 || value.length > this.maxNames) {
      throw this.fault(name, `must be a list of 1 to ${this.maxNames} names`);
    }
    return value.map((entry: unknown, index) => {
      if (typeof entry === 'string' && isText(entry, MAX_NAME_LENGTH)) return entry;
      throw this.fault(`${name}/${index}`, `must be a name of 1 to ${MAX_NAME_LENGTH} characters`);
    });
  }

  object(name: string, known: readonly string[]): Input | undefined {
    const value = this.values.get(name);
    return value === undefined
      ? undefined
      : Input.of(value, known, { path: `${this.path}${name}.`, maxNames: this.maxNames });
  }

  fault(name: string, detail: string): DomainError {
    return invalid(this.path + name, detail);
  }
}

function entriesOf(value: unknown, path: string): [name: string, value: unknown][] {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return Object.entries(value);
  throw invalid(path.slice(0, -1), path === '' ? 'A message must be one JSON object.' : 'must be an object');
}

/** Whether a text is not blank and has no control characters. */
function isText(text: string, maxLength: number): boolean {
  return isPlainText(text, maxLength) && !isBlank(text);
}
