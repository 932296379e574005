import { DomainError, type InputFault } from '../../platform/errors/domain-error.js';

/** Maximum number of reported faults. */
const MAX_FAULTS = 50;
const MAX_POINTER_LENGTH = 200;

/** Collects the faults of a query; each has a position and a remedy. */
export class Faults {
  private readonly invalid: InputFault[] = [];
  private readonly limits: InputFault[] = [];

  add(pointer: string, code: string, detail: string): void {
    push(this.invalid, pointer, code, detail);
  }

  /** Adds an exceeded limit. If all faults are of this kind, the status is 422. */
  limit(pointer: string, code: string, detail: string): void {
    push(this.limits, pointer, code, detail);
  }

  /** Throws if there are faults. */
  check(): void {
    const errors = [...this.invalid, ...this.limits];
    const [first] = errors;
    if (first === undefined) return;
    const more = errors.length > 1 ? ` (and ${errors.length - 1} more, see errors)` : '';
    const code = this.invalid.length > 0 ? 'invalid_request' : 'limit_exceeded';
    throw new DomainError(code, `${first.detail}${more}`, { errors, field: first.pointer.slice(1) });
  }
}

/** Returns the error for a single fault that ends the query. */
export function queryFault(
  kind: 'invalid_request' | 'limit_exceeded',
  pointer: string,
  code: string,
  detail: string,
): DomainError {
  return new DomainError(kind, detail, { errors: [{ pointer, code, detail }], field: pointer.slice(1) });
}

/** Returns the JSON pointer of a member. */
export function at(pointer: string, member: string | number): string {
  return `${pointer}/${String(member).replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function push(list: InputFault[], pointer: string, code: string, detail: string): void {
  if (list.length < MAX_FAULTS) list.push({ pointer: pointer.slice(0, MAX_POINTER_LENGTH), code, detail });
}
