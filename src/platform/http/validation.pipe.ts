import { ValidationPipe, type ArgumentMetadata } from '@nestjs/common';
import type { ValidationError } from 'class-validator';
import { DomainError, type InputFault } from '../errors/domain-error.js';

/** Deepest nesting of a body. The deepest that any route needs is a query of depth 5 inside its envelope. */
const MAX_DEPTH = 32;
/** A list of more faults than this helps nobody. */
const MAX_FAULTS = 50;
const MAX_POINTER = 200;

/** Where the parts of a request begin in a fault's pointer: bodies are JSON pointers, query parameters `?name`. */
const POINTER_ROOT: Readonly<Record<string, string>> = { query: '?', param: ':', body: '/', custom: '/' };

/**
 * Checks what a request brings against its DTO class. Unknown fields are faults, nothing is converted silently, and the
 * error lists every fault with its place and what is expected there.
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
    try {
      return await super.transform(value, metadata);
    } catch (error) {
      if (!(error instanceof InvalidInput)) throw error;
      throw invalidRequest(error.errors, POINTER_ROOT[metadata.type] ?? '/');
    }
  }
}

/** Carries the validator's findings from the factory, which does not know what part of the request it was given. */
class InvalidInput extends Error {
  constructor(readonly errors: readonly ValidationError[]) {
    super('invalid input');
  }
}

function invalidRequest(errors: readonly ValidationError[], root: string): DomainError {
  const faults = errors.flatMap((error) => faultsOf(error, root)).slice(0, MAX_FAULTS);
  const [first] = faults;
  const more = faults.length > 1 ? ` (and ${faults.length - 1} more, see errors)` : '';
  return new DomainError('invalid_request', `${first?.detail ?? 'The request is not valid.'}${more}`, {
    errors: faults,
    ...(first === undefined ? {} : { field: first.pointer.slice(root.length) }),
  });
}

/** What a value is; of one that is something else it says nothing that its length, range or form are wrong as well. */
const KINDS = new Set(['isDefined', 'isString', 'isBoolean', 'isInt', 'isNumber', 'isArray', 'isObject']);

function faultsOf(error: ValidationError, prefix: string): InputFault[] {
  const pointer = `${prefix}${error.property.replaceAll('~', '~0').replaceAll('/', '~1')}`;
  const broken = Object.entries(error.constraints ?? {});
  const kind = broken.find(([constraint]) => KINDS.has(constraint));
  const own = (kind ? [kind] : broken).map(([constraint, text]): InputFault => {
    const unknown = constraint === 'whitelistValidation';
    return {
      pointer: pointer.slice(0, MAX_POINTER),
      code: unknown ? 'unknown_field' : snakeCase(constraint),
      detail: unknown ? `There is no field ${error.property.slice(0, MAX_POINTER)}; remove it.` : text.slice(0, 500),
    };
  });
  return [...own, ...(error.children ?? []).flatMap((child) => faultsOf(child, `${pointer}/`))];
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** Without recursion, because that is what a deep body would break. */
export function isDeeperThan(value: unknown, limit: number): boolean {
  let level = [value];
  for (let depth = 0; level.length > 0; depth++) {
    const objects = level.filter((entry): entry is object => typeof entry === 'object' && entry !== null);
    if (depth === limit) return objects.length > 0;
    level = objects.flatMap((entry) => (Buffer.isBuffer(entry) ? [] : Object.values(entry)));
  }
  return false;
}
