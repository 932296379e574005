import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import { getMetadataStorage, type ValidationError } from 'class-validator';
import { DomainError, type InputFault } from '../errors/domain-error.js';
import { escaped, faultyInput } from '../input/faults.js';
import { MAX_DEPTH } from './bodies/json-scan.js';
import { trimmedTo, type Class } from './body-shape.js';

const MAX_POINTER_LENGTH = 200;

/**
 * First character of a fault's pointer by the part of the request: JSON pointers for bodies, `?name` for query parameters.
 */
const POINTER_ROOT: Readonly<Record<string, string>> = { query: '?', param: ':', body: '/', custom: '/' };

/**
 * Validates the input of a request against its DTO class. Unknown fields are faults, no value is converted silently, and the
 * error lists each fault with its position and the expected form.
 */
export class RequestValidationPipe extends ValidationPipe {
  constructor() {
    super({
      whitelist: true,
      forbidNonWhitelisted: true,
      transform: true,
      exceptionFactory: (errors) => new InvalidInput(errors),
    });
  }

  override async transform(value: unknown, metadata: ArgumentMetadata): Promise<unknown> {
    if (isDeeperThan(value, MAX_DEPTH)) {
      throw new DomainError('invalid_request', `The request is nested deeper than ${MAX_DEPTH} levels; flatten it.`);
    }
    const root = POINTER_ROOT[metadata.type] ?? '/';
    if (!isChecked(metadata.metatype)) return this.validated(value, metadata, root, []);
    const trimmed = trimmedTo(metadata.metatype, value, root);
    if (trimmed.tooLong) throw faultyInput(trimmed.faults);
    return this.validated(trimmed.value, metadata, root, trimmed.faults);
  }

  /** Returns the validated instance. Throws if the validator finds faults or `found` has any. */
  private async validated(
    value: unknown,
    metadata: ArgumentMetadata,
    root: string,
    found: readonly InputFault[],
  ): Promise<unknown> {
    const { errors, instance } = await super.transform(value, metadata).then(
      (made: unknown) => ({ errors: [], instance: made }),
      (error: unknown) => {
        if (!(error instanceof InvalidInput)) throw error;
        return { errors: error.errors, instance: undefined };
      },
    );
    const faults = [...found, ...errors.flatMap((error) => faultsOf(error, root))];
    if (faults.length > 0) throw faultyInput(faults);
    return instance;
  }
}

/** Carries the validator's faults out of `exceptionFactory`, which does not receive the part of the request. */
class InvalidInput extends Error {
  constructor(readonly errors: readonly ValidationError[]) {
    super('invalid input');
  }
}

/** Whether the validator has rules for values of the class. */
function isChecked(type: ArgumentMetadata['metatype']): type is Class {
  return type !== undefined && getMetadataStorage().getTargetValidationMetadatas(type, '', false, false).length > 0;
}

/**
 * Rules for the type of a value. If a value violates one of them, its violated rules for length, range and format are not
 * reported.
 */
const KINDS = new Set(['isDefined', 'isString', 'isBoolean', 'isInt', 'isNumber', 'isArray', 'isObject']);

function faultsOf(error: ValidationError, prefix: string): InputFault[] {
  const pointer = `${prefix}${escaped(error.property)}`;
  const broken = Object.entries(error.constraints ?? {});
  const kind = broken.find(([constraint]) => KINDS.has(constraint));
  const own = (kind ? [kind] : broken).map(([constraint, text]): InputFault => {
    const unknown = constraint === 'whitelistValidation';
    return {
      pointer: pointer.slice(0, MAX_POINTER_LENGTH),
      code: unknown ? 'unknown_field' : snakeCase(constraint),
      detail: unknown
        ? `unknown field ${error.property.slice(0, MAX_POINTER_LENGTH)}; remove it`
        : plainText(error.property, text).slice(0, 500),
    };
  });
  return [...own, ...(error.children ?? []).flatMap((child) => faultsOf(child, `${pointer}/`))];
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Whether a value is nested deeper than a limit. Not recursive: a deep body would overflow the stack. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const objects = level.filter((entry): entry is object => typeof entry === 'object' && entry !== null);
    if (depth === limit) return objects.length > 0;
    level = objects.flatMap((entry) => (Buffer.isBuffer(entry) ? [] : Object.values(entry)));
  }
  return false;
}

/**
 * Endings of class-validator's messages and the plainer text that replaces each. `$1` and `$2` are numbers in the message.
 */
const PLAIN_TEXTS: readonly (readonly [end: RegExp, text: string])[] = [
  [/ must contain at least (\d+) elements$/, 'must have $1 or more entries'],
  [/ must contain no more than (\d+) elements$/, 'must have $1 entries at most'],
  [/'s elements must be unique$/, 'must not have the same entry twice'],
  [/ must be a number conforming to the specified constraints$/, 'must be a number'],
  [
    / must be longer than or equal to (\d+) and shorter than or equal to (\d+) characters$/,
    'must have $1 to $2 characters',
  ],
  [/ must be longer than or equal to (\d+) characters$/, 'must have $1 or more characters'],
  [/ must be shorter than or equal to (\d+) characters$/, 'must have $1 characters at most'],
];

/** Returns the message of a violated rule in plain words. */
function plainText(property: string, text: string): string {
  for (const [end, plain] of PLAIN_TEXTS) {
    const found = end.exec(text);
    if (found === null) continue;
    const subject = text.startsWith('each value in ') ? `each value in ${property}` : property;
    return `${subject} ${plain.replace('$1', found[1] ?? '').replace('$2', found[2] ?? '')}`;
  }
  return text;
}
