import { applyDecorators } from '@nestjs/common';
import { Transform } from 'class-transformer';
import { ValidateBy } from 'class-validator';
import { nameFault, normaliseName, type NameKind } from '../core/names.js';

/**
 * Validates the name of a protocol, chain or token and converts it to its canonical spelling. A name that no data can have
 * is refused.
 */
export function IsName(kind: NameKind): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? normaliseName(kind, value) : value)),
    ValidateBy({
      name: 'isName',
      validator: {
        validate: (value) => typeof value === 'string' && nameFault(kind, value) === undefined,
        defaultMessage: (given) => `$property ${nameFault(kind, String(given?.value)) ?? 'must be a text'}`,
      },
    }),
  );
}

/** Returns the distinct, non-empty parts of a comma-separated list. */
export function commaList(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  return [...new Set(parts.filter((part) => part !== ''))];
}
