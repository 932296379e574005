import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { Caller } from '../caller.js';

/** The caller of a request that the guard let through. Kept beside the request, so that nothing a client sends can set it. */
const callers = new WeakMap<object, Caller>();

export function setCaller(request: Request, caller: Caller): void {
  callers.set(request, caller);
}

export function callerOf(request: Request): Caller | undefined {
  return callers.get(request);
}

/** Caller of the request. On a public route there is nobody to give: it throws. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const caller = callerOf(context.switchToHttp().getRequest<Request>());
  if (caller === undefined) throw new DomainError('missing_api_key', 'This needs an API key.');
  return caller;
});
