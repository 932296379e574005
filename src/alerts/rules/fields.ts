import { applyDecorators } from '@nestjs/common';
import { IsISO8601, IsString, Length, Matches, ValidateBy, ValidateIf } from 'class-validator';

/** No control characters: these texts are shown, logged, mailed and stored. */
export const PRINTABLE = /^\P{Cc}*$/u;
/** The same with line breaks. */
export const LINES = /^(?:\P{Cc}|[\n\t])*$/u;
/** Unlike IsOptional it does not let null through. */
export const IfGiven = (): PropertyDecorator => ValidateIf((_, value: unknown) => value !== undefined);

/** No broken surrogates: the database would refuse them. */
export const IsWellFormed = (): PropertyDecorator =>
  ValidateBy({
    name: 'isWellFormed',
    validator: {
      validate: (value) => typeof value !== 'string' || value.isWellFormed(),
      defaultMessage: () => '$property must be well-formed text',
    },
  });

/** A time with zone, ISO 8601; no zone is further from UTC than the database takes. */
export const IsTime = (): PropertyDecorator =>
  applyDecorators(
    IsISO8601({ strict: true }),
    Matches(/^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-](0\d|1[0-5]):[0-5]\d)$/, {
      message: '$property must be a time such as 2027-01-31T12:00:00Z',
    }),
  );

/** A short text without control characters. */
export const IsPlainText = (longest: number): PropertyDecorator =>
  applyDecorators(IsString(), Length(1, longest), Matches(PRINTABLE), IsWellFormed());
