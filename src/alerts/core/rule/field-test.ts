import type { FieldOperator, FieldTest } from './rule.js';
import { EQUALITY_TOLERANCE } from './tolerance.js';

/** Whether the data of an event satisfies the test. A missing value or one of another type does not satisfy it. */
export function passesField({ field, operator, threshold }: FieldTest, data: unknown): boolean {
  const value = memberOf(data, field);
  if (typeof threshold === 'string') {
    if (typeof value !== 'string') return false;
    return operator === 'eq' ? value === threshold : operator === 'ne' && value !== threshold;
  }
  const number = numberOf(value);
  return number !== undefined && compares(operator, number, threshold);
}

/** Returns the number in the data of an event that a test compares; null if there is none. */
export function comparedNumber({ field, threshold }: FieldTest, data: unknown): number | null {
  return typeof threshold === 'number' ? (numberOf(memberOf(data, field)) ?? null) : null;
}

/** Returns the member at the path `a.b.c`; a member whose own name contains the dots takes precedence. */
function memberOf(data: unknown, path: string): unknown {
  if (typeof data !== 'object' || data === null) return undefined;
  if (Object.hasOwn(data, path)) return Reflect.get(data, path);
  const dot = path.indexOf('.');
  if (dot < 0) return undefined;
  const first = path.slice(0, dot);
  return Object.hasOwn(data, first) ? memberOf(Reflect.get(data, first), path.slice(dot + 1)) : undefined;
}

/**
 * Returns the number of a value. On-chain amounts are often written as text, because JSON numbers cannot represent them
 * exactly.
 */
function numberOf(value: unknown): number | undefined {
  if (typeof value === 'number') return value;
  if (typeof value !== 'string' || !/^-?\d+(\.\d+)?$/.test(value)) return undefined;
  return Number(value);
}

function compares(operator: FieldOperator, value: number, threshold: number): boolean {
  const isEqual = Math.abs(value - threshold) <= EQUALITY_TOLERANCE * Math.abs(threshold);
  switch (operator) {
    case 'gt':
      return !isEqual && value > threshold;
    case 'gte':
      return isEqual || value > threshold;
    case 'lt':
      return !isEqual && value < threshold;
    case 'lte':
      return isEqual || value < threshold;
    case 'eq':
      return isEqual;
    default:
      return !isEqual;
  }
}
