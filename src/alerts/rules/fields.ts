import { applyDecorators } from '@nestjs/common';
import { isISO8601, IsString, Length, Matches, ValidateBy, ValidateIf } from 'class-validator';
import { parseTime } from '../../events/index.js';

/** No control characters: these texts are shown, logged, mailed and stored. */
export const PRINTABLE = /^\P{Cc}*$/u;
/** The same with line breaks. */
export const LINES = /^(?:\P{Cc}|[\n\t])*$/u;
export const NO_CONTROLS = { message: '$property must not contain control characters' };
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

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-](0\d|1[0-5]):[0-5]\d)$/;

/** A time with zone, ISO 8601; no zone is further from UTC than the database takes. */
export const IsTime = (): PropertyDecorator =>
  ValidateBy({
    name: 'isTime',
    validator: {
      validate: (value) => isISO8601(value, { strict: true }) && TIME.test(String(value)),
      defaultMessage: () => '$property must be a time such as 2027-01-31T12:00:00Z',
    },
  });

/** A time, or one before the present. */
export const IsMoment = (): PropertyDecorator =>
  ValidateBy({
    name: 'isMoment',
    validator: {
      validate: (value) => typeof value === 'string' && parseTime(value, 0) !== undefined,
      defaultMessage: () => '$property must be a time such as 2027-01-31T12:00:00Z, a date, or now-7d (m, h, d, w)',
    },
  });

/** A short text without control characters. */
export const IsPlainText = (longest: number): PropertyDecorator =>
  applyDecorators(IsString(), Length(1, longest), Matches(PRINTABLE, NO_CONTROLS), IsWellFormed());
