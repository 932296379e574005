import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { nameFault, normaliseName, type NameKind } from '../core/names.js';
import {
  IsBoolean,
  IsInt,
  IsNumber,
  IsOptional,
  IsString,
  Length,
  Matches,
  Max,
  Min,
  ValidateBy,
} from 'class-validator';

/**
 * Validates text from a URL that may become a query parameter of the database: no control characters (PostgreSQL refuses
 * NUL), no unpaired surrogates.
 */
export function IsPlainText(longest = 255): PropertyDecorator {
  return applyDecorators(
    IsString({ message: '$property must be one text; send it once' }),
    // eslint-disable-next-line no-control-regex -- control characters are the point
    Matches(/^[^\u0000-\u001f\u007f]*$/, { message: '$property must not contain control characters' }),
    ValidateBy({
      name: 'isWellFormed',
      validator: {
        validate: (value) => typeof value === 'string' && value.isWellFormed(),
        defaultMessage: () => '$property must be well-formed text',
      },
    }),
    Length(1, longest),
  );
}

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

/** Validates a whole number written in digits only. */
export function IsDigits(least: number, most: number, fallback: number): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ type: 'integer', minimum: least, maximum: most, default: fallback }),
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value,
    ),
    IsOptional(),
    IsInt(),
    Min(least),
    Max(most),
  );
}

/** Validates a finite number, not negative, in decimal or exponent notation. */
export function IsAmount(): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ type: 'number', minimum: 0 }),
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && /^\d{1,20}(?:\.\d{1,20})?(?:e\d{1,3})?$/i.test(value) ? Number(value) : value,
    ),
    IsOptional(),
    IsNumber({ allowNaN: false, allowInfinity: false }),
    Min(0),
  );
}

/** Validates `true` or `false`. */
export function IsFlag(): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ type: 'boolean', default: false }),
    Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value)),
    IsOptional(),
    IsBoolean(),
  );
}

/** Returns the distinct, non-empty parts of a comma-separated list. */
export function commaList(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  return [...new Set(parts.filter((part) => part !== ''))];
}
