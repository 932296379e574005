import { applyDecorators } from '@nestjs/common';
import { ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
import { IsBoolean, IsInt, IsNumber, IsOptional, Length, Matches, Max, Min, ValidateBy } from 'class-validator';

/** Text from an address that may go to the database: no control characters (NUL ends a query), no broken surrogates. */
export function IsPlainText(longest = 255): PropertyDecorator {
  return applyDecorators(
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

/** A whole number written in digits, nothing else. */
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

/** A finite number, not negative, in decimal or exponent notation. */
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

/** `true` or `false`. */
export function IsFlag(): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ type: 'boolean', default: false }),
    Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value)),
    IsOptional(),
    IsBoolean(),
  );
}

/** The distinct, non-empty parts of a comma-separated list. */
export function commaList(text: string): string[] {
  const parts = text.split(',').map((part) => part.trim());
  return [...new Set(parts.filter((part) => part !== ''))];
}
