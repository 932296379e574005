import type { TransformFnParams } from 'class-transformer';

/** Reads a decimal number of a query; other text is returned as it is, for the validation to refuse. */
export function numberOf({ value }: TransformFnParams): unknown {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
}
