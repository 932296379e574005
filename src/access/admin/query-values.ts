import type { TransformFnParams } from 'class-transformer';

/** A decimal number of a query; anything else stays the text it was, for the validation to name. */
export function numberOf({ value }: TransformFnParams): unknown {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
}
