import type { TransformFnParams } from 'class-transformer';

/** Parses a whole number in a query parameter; returns other text unchanged, which the validation then refuses. */
export function numberOf({ value }: TransformFnParams): unknown {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : value;
}
