import { DomainError, type InputFault } from '../errors/domain-error.js';

/** Maximum number of faults in one answer. */
export const MAX_FAULTS = 50;
const MAX_POINTER_LENGTH = 200;
const MAX_MEMBER_LENGTH = 200;

/** Error code of a faulty request: what is given is wrong (400), or more than a limit allows (422). */
type RequestFault = 'invalid_request' | 'limit_exceeded';

/** Collects the faults of an input; each has a position and a remedy. */
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
    if (errors.length > 0) throw faultyInput(errors, this.invalid.length > 0 ? 'invalid_request' : 'limit_exceeded');
  }
}

/** Returns the error for the faults of an input, in the order of their importance; its message is the first one's. */
export function faultyInput(faults: readonly InputFault[], kind: RequestFault = 'invalid_request'): DomainError {
  const errors = faults.slice(0, MAX_FAULTS);
  const [first] = errors;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more, see errors)` : '';
  return new DomainError(kind, `${first?.detail ?? 'The request is not valid.'}${more}`, {
    errors,
    ...fieldOf(first?.pointer),
  });
}

/** Returns the error for a single fault that ends the request. `message`: detail in a sentence, if it is none itself. */
export function inputFault(
  kind: RequestFault,
  pointer: string,
  code: string,
  detail: string,
  { message = detail, cause }: { message?: string; cause?: unknown } = {},
): DomainError {
  return new DomainError(kind, message, { errors: [{ pointer, code, detail }], ...fieldOf(pointer), cause });
}

/** Returns the JSON pointer of a member. */
export function at(pointer: string, member: string | number): string {
  return `${pointer}/${escaped(String(member))}`;
}

/** Returns a member's name as part of a JSON pointer. */
export function escaped(member: string): string {
  return member.slice(0, MAX_MEMBER_LENGTH).replaceAll('~', '~0').replaceAll('/', '~1');
}

/** Returns the field of a pointer: without the sign of its part of the request, `/` body, `?` query, `:` path. */
function fieldOf(pointer: string | undefined): { field?: string } {
  return pointer === undefined || pointer === '' ? {} : { field: pointer.slice(1) };
}

function push(list: InputFault[], pointer: string, code: string, detail: string): void {
  if (list.length < MAX_FAULTS) list.push({ pointer: pointer.slice(0, MAX_POINTER_LENGTH), code, detail });
}
