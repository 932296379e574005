import {
  applyDecorators,
  Injectable,
  SetMetadata,
  UseInterceptors,
  type CallHandler,
  type ExecutionContext,
  type NestInterceptor,
} from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request } from 'express';
import { catchError, concatMap, from, map, throwError, type Observable } from 'rxjs';
import { clientAddress } from '../../platform/request/client-address.js';
import { requestError } from '../../platform/errors/problem.js';
import { Settings } from '../../platform/settings/settings.js';
import { callerOf } from '../current-caller.decorator.js';
import { Audit } from './audit.js';

const ACTION = 'access:audited';

/** Records each call of the handler in the audit trail before the answer is sent, whether it succeeds or fails. */
export const Audited = (action: string): MethodDecorator =>
  applyDecorators(SetMetadata(ACTION, action), UseInterceptors(AuditedInterceptor));

@Injectable()
class AuditedInterceptor implements NestInterceptor {
  constructor(
    private readonly audit: Audit,
    private readonly reflector: Reflector,
    private readonly settings: Settings,
  ) {}

  intercept(context: ExecutionContext, next: CallHandler): Observable<unknown> {
    const action = this.reflector.get<string>(ACTION, context.getHandler());
    const request = context.switchToHttp().getRequest<Request>();
    return next.handle().pipe(
      concatMap((answer: unknown) => from(this.write(action, request, answer)).pipe(map(() => answer))),
      catchError((error: unknown) =>
        from(this.write(action, request, undefined, error)).pipe(concatMap(() => throwError(() => error))),
      ),
    );
  }

  private async write(action: string, request: Request, answer: unknown, error?: unknown): Promise<void> {
    const subject = subjectOf(request, answer);
    await this.audit.record({
      actor: `key:${callerOf(request)?.keyId ?? 'unknown'}`,
      action,
      outcome: error === undefined ? 'ok' : 'refused',
      address: clientAddress(request, this.settings.trustProxy),
      detail: { ...detailOf(request, error), ...createdIn(answer, subject) },
      ...(subject === undefined ? {} : { subject }),
    });
  }
}

/** Returns the route parameters as the subject; without route parameters, the id of the created object. */
function subjectOf(request: Request, answer: unknown): string | undefined {
  const named = Object.values(request.params).flat().join('/');
  if (named !== '') return named;
  return typeof answer === 'object' && answer !== null && 'id' in answer ? String(answer.id) : undefined;
}

/** Returns the id of what was created in place of the subject, such as the key that replaces a rotated one. */
function createdIn(answer: unknown, subject: string | undefined): { created?: string } {
  if (typeof answer !== 'object' || answer === null || !('id' in answer)) return {};
  const id = String(answer.id);
  return id === subject ? {} : { created: id };
}

/**
 * Returns the request body of a successful action. For a refused action only the error's code: the body was not validated.
 */
function detailOf(request: Request, error: unknown): object {
  if (error !== undefined) return { code: requestError(error).code };
  const body: unknown = request.body;
  return typeof body === 'object' && body !== null ? { request: body } : {};
}
