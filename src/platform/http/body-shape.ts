import { createRequire } from 'node:module';
import { getMetadataStorage } from 'class-validator';
import { DomainError, type InputFault } from '../errors/domain-error.js';
import { escaped, MAX_FAULTS } from '../input/faults.js';

/** Number of unknown fields at which a request is refused without further checks. */
const MAX_UNKNOWN_FIELDS = 1_000;
/** Maximum number of objects in a list whose DTO class sets no maximum. */
const MAX_OBJECTS = 100;
const MAX_SHOWN_LENGTH = 200;

/** DTO class, whose decorators describe its fields. */
export type Class = new (...values: never[]) => object;

interface Field {
  /**
   * Class of the field's value, or of the items if the value is a list. Evaluated when needed, because classes may refer to
   * each other.
   */
  readonly nested: (() => Class) | undefined;
  readonly maxItems: number;
}

interface TypeMetadata {
  readonly typeFunction: () => Class;
}

/** class-transformer's store of the types given by @Type; the package does not export it. */
const types = (
  createRequire(import.meta.url)('class-transformer/cjs/storage.js') as {
    defaultMetadataStorage: { findTypeMetadata(target: Class, field: string): TypeMetadata | undefined };
  }
).defaultMetadataStorage;

const shapes = new Map<Class, ReadonlyMap<string, Field>>();

interface Trimmed {
  /** Copy of the body without unknown fields. */
  readonly value: unknown;
  readonly faults: readonly InputFault[];
  /** Whether a list has too many items; the check then ends without looking for more faults. */
  readonly tooLong: boolean;
}

/**
 * Separates the known fields of a body from unknown ones in one pass. class-transformer alone would take quadratic time in
 * the number of an object's fields, and hundreds of times longer per object.
 */
export function trimmedTo(shape: Class, body: unknown, root: string): Trimmed {
  const faults: InputFault[] = [];
  let tooLong = false;

  const objectOf = (type: Class, value: object, prefix: string): object => {
    const fields = fieldsOf(type);
    const known: [string, unknown][] = [];
    for (const [name, member] of Object.entries(value)) {
      // Copying this member would set the prototype.
      if (name === '__proto__') continue;
      const field = fields.get(name);
      const pointer = `${prefix}${escaped(name)}`;
      if (field !== undefined) known.push([name, memberOf(field, name, member, pointer)]);
      else if (faults.push(unknownField(name, pointer)) >= MAX_UNKNOWN_FIELDS) throw tooMany(faults);
    }
    return Object.fromEntries(known);
  };

  const memberOf = (field: Field, name: string, value: unknown, pointer: string): unknown => {
    if (field.nested === undefined || typeof value !== 'object' || value === null) return value;
    const type = field.nested();
    if (!Array.isArray(value)) return objectOf(type, value, `${pointer}/`);
    if (value.length > field.maxItems) {
      tooLong = true;
      const detail = `${name} must have ${field.maxItems} entries at most`;
      faults.push({ pointer, code: 'array_max_size', detail });
      return [];
    }
    // A list inside the list becomes null, which the validator reports: items must be objects.
    return value.map((item: unknown, at) =>
      typeof item !== 'object' || item === null
        ? item
        : Array.isArray(item)
          ? null
          : objectOf(type, item, `${pointer}/${at}/`),
    );
  };

  const isObject = typeof body === 'object' && body !== null && !Array.isArray(body);
  const value = isObject ? objectOf(shape, body, root) : body;
  return { value, faults, tooLong };
}

function fieldsOf(type: Class): ReadonlyMap<string, Field> {
  const known = shapes.get(type);
  if (known !== undefined) return known;
  const fields = new Map<string, Field>();
  for (const { propertyName, name, constraints } of getMetadataStorage().getTargetValidationMetadatas(
    type,
    '',
    false,
    false,
  )) {
    const before = fields.get(propertyName);
    const bound: unknown = name === 'arrayMaxSize' ? constraints[0] : before?.maxItems;
    fields.set(propertyName, {
      nested: before?.nested ?? types.findTypeMetadata(type, propertyName)?.typeFunction,
      maxItems: typeof bound === 'number' ? bound : MAX_OBJECTS,
    });
  }
  shapes.set(type, fields);
  return fields;
}

function unknownField(name: string, pointer: string): InputFault {
  const detail = `unknown field ${name.slice(0, MAX_SHOWN_LENGTH)}; remove it`;
  return { pointer: pointer.slice(0, MAX_SHOWN_LENGTH), code: 'unknown_field', detail };
}

function tooMany(faults: readonly InputFault[]): DomainError {
  const message = `The request has ${MAX_UNKNOWN_FIELDS} unknown fields or more; remove them.`;
  return new DomainError('invalid_request', message, { errors: faults.slice(0, MAX_FAULTS) });
}
