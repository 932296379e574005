import { applyDecorators } from '@nestjs/common';
import { ApiProperty, ApiPropertyOptional } from '@nestjs/swagger';
import { Transform } from 'class-transformer';
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
  ValidateIf,
} from 'class-validator';
import { isUuid } from '../input/ids.js';
import { isBlank, isStorable, LINES, PLAIN_TEXT } from '../input/text.js';
import { RANGE_FORMS, readTime, type TimeForms } from '../input/time.js';

const NO_CONTROLS = { message: '$property must not contain control characters' };

/** Validates a member if it is given; unlike IsOptional it does not accept null. */
export const IfGiven = (): PropertyDecorator => ValidateIf((_, value: unknown) => value !== undefined);

/** Validates one line of text, without control characters; such texts are displayed, logged, mailed and stored. */
export const IsPlainText = (longest: number, least = 1): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ minLength: least, maxLength: longest }),
    IsString({
      message: ({ value }) => `$property must be ${Array.isArray(value) ? 'one text; send it once' : 'a string'}`,
    }),
    Length(least, longest),
    Matches(PLAIN_TEXT, NO_CONTROLS),
    IsWellFormed(),
  );

/** Validates text of several lines, without control characters except line breaks and tabs. */
export const IsLines = (longest: number): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ maxLength: longest }),
    IsString(),
    Length(0, longest),
    Matches(LINES, NO_CONTROLS),
    IsWellFormed(),
  );

/** Refuses texts that PostgreSQL cannot store: with the character U+0000 or half surrogates. */
export const IsWellFormed = (): PropertyDecorator =>
  ofText('isWellFormed', isStorable, '$property must be well-formed text without the character U+0000');

/** Refuses texts without a visible character. An empty text is accepted: its length is checked apart. */
export const IsNotBlank = (): PropertyDecorator =>
  ofText('isNotBlank', (text) => text === '' || !isBlank(text), '$property must be more than blanks');

/** Validates an id of a row and converts it to lower case, as answers show it. */
export const IsId = (): PropertyDecorator =>
  applyDecorators(
    ApiProperty({ format: 'uuid' }),
    Transform(({ value }: { value: unknown }) => (typeof value === 'string' ? value.toLowerCase() : value)),
    ValidateBy({
      name: 'isUuid',
      validator: {
        validate: (value) => typeof value === 'string' && isUuid(value),
        defaultMessage: () => '$property must be a UUID',
      },
    }),
  );

/** Validates a time with zone, ISO 8601. */
export const IsTime = (): PropertyDecorator => ofForms('isTime', {});

/**
 * Validates a time, a day, Unix milliseconds in digits, or a time relative to the present (`now-7d`); `parseTime` parses the
 * value.
 */
export const IsMoment = (): PropertyDecorator => ofForms('isMoment', RANGE_FORMS);

/** Validates a whole number in a query parameter, written in digits only. */
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

/** Validates a finite number in a query parameter, not negative, in decimal or exponent notation. */
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

/** Validates `true` or `false` in a query parameter. */
export function IsFlag(): PropertyDecorator {
  return applyDecorators(
    ApiPropertyOptional({ type: 'boolean', default: false }),
    Transform(({ value }: { value: unknown }) => (value === 'true' ? true : value === 'false' ? false : value)),
    IsOptional(),
    IsBoolean(),
  );
}

/** Makes a rule for texts; values that are no text are left to another rule. */
function ofText(name: string, isRight: (text: string) => boolean, message: string): PropertyDecorator {
  return ValidateBy({
    name,
    validator: { validate: (value) => typeof value !== 'string' || isRight(value), defaultMessage: () => message },
  });
}

function ofForms(name: string, forms: TimeForms): PropertyDecorator {
  return ValidateBy({
    name,
    validator: {
      validate: (value) => typeof value === 'string' && 'at' in readTime(value, 0, forms),
      defaultMessage: (given) => {
        const reading = readTime(given?.value, 0, forms);
        return `$property ${'fault' in reading ? reading.fault : 'must be a text'}`;
      },
    },
  });
}
