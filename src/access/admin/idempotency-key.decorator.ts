import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import { DomainError } from '../../platform/errors/domain-error.js';

/** Injects the Idempotency-Key of the request: 1 to 200 visible ASCII characters. */
export const IdempotencyKey = createParamDecorator((_: unknown, context: ExecutionContext): string | undefined => {
  const given = context.switchToHttp().getRequest<Request>().headers['idempotency-key'];
  if (given === undefined) return undefined;
  if (typeof given === 'string' && /^[\x21-\x7e]{1,200}$/.test(given)) return given;
  throw new DomainError('invalid_request', 'Idempotency-Key must be 1 to 200 visible ASCII characters.', {
    field: 'Idempotency-Key',
  });
});
