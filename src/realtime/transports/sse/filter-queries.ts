import { applyDecorators } from '@nestjs/common';
import { ApiQuery } from '@nestjs/swagger';
import { FIELDS_BY_PLACE, type FilterField } from '../../core/filter/fields.js';

/** Documents the filter fields as query parameters. */
export const ApiFilterQueries = (): MethodDecorator =>
  // Reversed: decorators written below each other are applied from the last to the first.
  applyDecorators(...FIELDS_BY_PLACE.toReversed().map(parameter));

function parameter({ name, form, docs }: FilterField): MethodDecorator {
  return form === 'number'
    ? ApiQuery({ name, required: false, type: Number, description: `${docs.stream}.` })
    : ApiQuery({ name, required: false, description: `${docs.stream}, comma-separated.` });
}
