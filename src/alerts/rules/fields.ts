import { applyDecorators } from '@nestjs/common';
import { IsString, Length, Matches, ValidateBy, ValidateIf } from 'class-validator';

export { IsMoment, IsTime } from '../../platform/http/is-time.js';

/** No control characters: these texts are shown, logged, mailed and stored. */
export const PRINTABLE = /^\P{Cc}*$/u;
/** The same with line breaks. */
export const LINES = /^(?:\P{Cc}|[\n\t])*$/u;
export const NO_CONTROLS = { message: '$property must not contain control characters' };
const VISIBLE = /[^\p{Z}\p{Cc}\p{Cf}]/u;
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

/** Something to see: not only spaces and characters without a shape. */
export const IsNotBlank = (): PropertyDecorator =>
  ValidateBy({
    name: 'isNotBlank',
    validator: {
      validate: (value) => typeof value !== 'string' || value === '' || VISIBLE.test(value),
      defaultMessage: () => '$property must be more than blanks',
    },
  });

/** A short text without control characters. */
export const IsPlainText = (longest: number): PropertyDecorator =>
  applyDecorators(IsString(), Length(1, longest), Matches(PRINTABLE, NO_CONTROLS), IsWellFormed());
