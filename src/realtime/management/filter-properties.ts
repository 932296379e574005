import type { Type } from '@nestjs/common';
import { ArrayMaxSize, IsArray, IsIn, IsNumber, IsOptional, IsString, Length, Max, Min } from 'class-validator';
import { FIELDS, type FilterField, type SpelledFilter } from '../core/filter/fields.js';

/** Property of a DTO: its description in OpenAPI, and its validators. */
interface Property {
  readonly name: string;
  readonly schema: Readonly<Record<string, unknown>>;
  readonly checks: readonly PropertyDecorator[];
}

/** Filter in request bodies. A condition applies only to events that have the field. */
export const FilterBody = classOf(FIELDS.flatMap(bodyProperties));
/** Members of a filter that are lists, in answers. */
export const FilterLists = classOf(FIELDS.filter(isList).map(answerProperty));
/** Members of a filter that are single values, in answers. */
export const FilterValues = classOf(FIELDS.filter((field) => !isList(field)).map(answerProperty));

/**
 * Returns a class with these properties. Nest's OpenAPI compiler plugin sees only properties in source code, so the class
 * describes its own in the plugin's format.
 */
function classOf(properties: readonly Property[]): Type<SpelledFilter> {
  class FilterProperties {
    static _OPENAPI_METADATA_FACTORY(): Readonly<Record<string, unknown>> {
      return Object.fromEntries(properties.map(({ name, schema }) => [name, { required: false, ...schema }]));
    }
  }
  for (const { name, checks } of properties) {
    for (const check of checks.toReversed()) check(FilterProperties.prototype, name);
  }
  return FilterProperties;
}

function isList({ form }: FilterField): boolean {
  return form === 'names' || form === 'types';
}

function bodyProperties({ name, one, form, max, choices = [], docs }: FilterField): Property[] {
  if (form === 'choice') {
    return [{ name, schema: { enum: choices, ...described(docs.body) }, checks: [IsOptional(), IsIn(choices)] }];
  }
  if (form === 'number') return [numberProperty(name, max, docs)];
  const maxItems = form === 'types' ? 50 : 500;
  const schema = { type: () => [String], ...described(docs.body), maxItems };
  const list = { name, schema, checks: [IsOptional(), IsArray(), ArrayMaxSize(maxItems), IsString({ each: true })] };
  if (one === undefined) return [list];
  const text = { type: () => String, example: docs.one?.example, minLength: 1, maxLength: 160 };
  return [{ name: one, schema: text, checks: [IsOptional(), IsString(), Length(1, 160)] }, list];
}

function numberProperty(name: string, max: number | undefined, { body, bodyExample }: FilterField['docs']): Property {
  const example = bodyExample === undefined ? {} : { example: bodyExample };
  const limit = max === undefined ? {} : { maximum: max };
  return {
    name,
    schema: { type: () => Number, ...described(body), ...example, minimum: 0, ...limit },
    checks: [IsOptional(), IsNumber(), Min(0), ...(max === undefined ? [] : [Max(max)])],
  };
}

function answerProperty({ name, form, choices, docs }: FilterField): Property {
  const type = { names: [String], types: [String], number: Number, choice: String }[form];
  const schema = { type: () => type, ...(choices && { enum: choices }), ...described(docs.bodyAnswer) };
  return { name, schema, checks: [] };
}

function described(description: string | undefined): { description?: string } {
  return description === undefined ? {} : { description };
}
