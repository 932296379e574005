import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { DomainError } from '../platform/errors/domain-error.js';
import type { Caller } from './caller.js';

/** Callers of admitted requests. Not stored as members of the request, where client input could set them. */
const callers = new WeakMap<object, Caller>();

export function setCaller(request: Request, caller: Caller): void {
  callers.set(request, caller);
}

export function callerOf(request: Request): Caller | undefined {
  return callers.get(request);
}

/** Injects the caller of the request. Throws on a public route, which has none. */
export const CurrentCaller = createParamDecorator((_: unknown, context: ExecutionContext): Caller => {
  const caller = callerOf(context.switchToHttp().getRequest<Request>());
  if (caller === undefined) throw new DomainError('missing_api_key', 'This request needs an API key.');
  return caller;
});
