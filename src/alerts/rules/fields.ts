import { applyDecorators } from '@nestjs/common';
import { IsString, Length, Matches, ValidateBy, ValidateIf } from 'class-validator';

export { IsMoment, IsTime } from '../../platform/input/is-time.js';

/** Text without control characters; such texts are displayed, logged, mailed and stored. */
export const PRINTABLE = /^\P{Cc}*$/u;
/** Text without control characters except line breaks and tabs. */
export const LINES = /^(?:\P{Cc}|[\n\t])*$/u;
export const NO_CONTROLS = { message: '$property must not contain control characters' };
const VISIBLE = /[^\p{Z}\p{Cc}\p{Cf}]/u;
/** Validates a member if it is given; unlike IsOptional it does not accept null. */
export const IfGiven = (): PropertyDecorator => ValidateIf((_, value: unknown) => value !== undefined);

/** Refuses lone surrogates, which PostgreSQL would refuse, too. */
export const IsWellFormed = (): PropertyDecorator =>
  ValidateBy({
    name: 'isWellFormed',
    validator: {
      validate: (value) => typeof value !== 'string' || value.isWellFormed(),
      defaultMessage: () => '$property must be well-formed text',
    },
  });

/** Refuses texts without a visible character, that is only spaces and formatting characters. */
export const IsNotBlank = (): PropertyDecorator =>
  ValidateBy({
    name: 'isNotBlank',
    validator: {
      validate: (value) => typeof value !== 'string' || value === '' || VISIBLE.test(value),
      defaultMessage: () => '$property must be more than blanks',
    },
  });

/** Accepts a short text without control characters. */
export const IsPlainText = (longest: number): PropertyDecorator =>
  applyDecorators(IsString(), Length(1, longest), Matches(PRINTABLE, NO_CONTROLS), IsWellFormed());
