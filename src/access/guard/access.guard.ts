import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { DomainError } from '../../platform/errors/domain-error.js';
import { BODY_SIZE, type TakenBody } from '../../platform/http/bodies/body-limit.js';
import { BodyReader } from '../../platform/http/bodies/body-reader.js';
import { clientAddress } from '../../platform/request/client-address.js';
import { addressGroup } from '../../platform/http/connections/address-group.js';
import { becomesKnown, exceedsLimits } from '../../platform/http/connections/known-callers.js';
import { COSTLY_ROUTE } from '../../platform/http/costly.js';
import { workFor } from '../../platform/fairness/working-for.js';
import { refusePrecondition } from '../../platform/http/precondition.js';
import type { PublicKind } from '../../platform/request/public.js';
import { Settings } from '../../platform/settings/settings.js';
import { AccessService } from '../access.service.js';
import { Refusals } from '../audit/refusals.js';
import { roleIncludes, type Caller, type Role } from '../caller.js';
import { secretFromHeaders } from '../credentials.js';
import { RequestLimits } from '../limits/request-limits.js';
import { setCaller } from '../current-caller.decorator.js';
import {
  ANONYMOUS_METADATA,
  PUBLIC_METADATA,
  RARE_METADATA,
  ROLE_METADATA,
  type Anonymous,
} from './roles.decorator.js';

type Targets = Parameters<Reflector['getAllAndOverride']>[1];

/**
 * Admits REST requests. Checks in this order: the key, the request limit, the role, the number of the caller's costly
 * requests in progress, and the body. A body is read only after the other checks, and parsed only if its size is within the
 * route's limit. Handlers without @Roles accept any valid key. WebSocket messages pass: their transports authenticate at the
 * connection.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly settings: Settings,
    private readonly access: AccessService,
    private readonly limits: RequestLimits,
    private readonly refusals: Refusals,
    private readonly bodies: BodyReader,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    if (context.getType() !== 'http') return true;
    const targets = [context.getHandler(), context.getClass()];
    const request = context.switchToHttp().getRequest<Request>();
    const response = context.switchToHttp().getResponse<Response>();
    const isPublic = this.reflector.getAllAndOverride<PublicKind | undefined>(PUBLIC_METADATA, targets);
    if (isPublic !== undefined) await this.countPublic(isPublic, request, response);
    else if (this.isAnonymous(request, targets)) await this.admitKeyless(request, response, targets);
    else await this.admit(request, response, targets);
    return true;
  }

  private async admitKeyless(request: Request, response: Response, targets: Targets): Promise<void> {
    const address = this.addressOf(request);
    workFor(addressGroup(address));
    await this.limits.countKeyless(address, response);
    if (this.isCostly(targets)) await this.limits.waitForPlace(addressGroup(address), response);
  }

  private isCostly(targets: Targets): boolean {
    return this.reflector.getAllAndOverride<boolean | undefined>(COSTLY_ROUTE, targets) === true;
  }

  private async countPublic(kind: PublicKind, request: Request, response: Response): Promise<void> {
    if (kind === 'itself') return;
    const address = this.addressOf(request);
    if (kind === 'keyless') await this.limits.countKeyless(address, response);
    else await this.limits.countPublic(kind, address, response);
  }

  private async admit(request: Request, response: Response, targets: Targets): Promise<void> {
    const caller = await this.callerOf(request, response);
    const needed = this.reflector.getAllAndOverride<Role | undefined>(ROLE_METADATA, targets) ?? 'reader';
    if (!roleIncludes(caller.role, needed)) await this.refuse(request, caller, needed);
    refusePrecondition(request);
    setCaller(request, caller);
    if (this.reflector.getAllAndOverride<boolean | undefined>(RARE_METADATA, targets))
      await this.limits.countRare(caller);
    if (this.isCostly(targets)) await this.limits.waitForPlace(caller.keyId, response);
    const size = this.reflector.getAllAndOverride<TakenBody | undefined>(BODY_SIZE, targets) ?? 'small';
    if (size !== 'none') await this.bodies.read(request, response, { size, caller: caller.keyId });
  }

  /**
   * Whether the request is served without a key. If the request contains a key, it is checked even on such a route: the
   * key's limits apply, and its expiry is reported.
   */
  private isAnonymous(request: Request, targets: Targets): boolean {
    const allowed = this.reflector.getAllAndOverride<Anonymous | undefined>(ANONYMOUS_METADATA, targets);
    const holds = allowed === 'always' || (allowed === 'by setting' && this.settings.compatAnonymous);
    return holds && secretFromHeaders(request.headers) === undefined;
  }

  private async callerOf(request: Request, response: Response): Promise<Caller> {
    const address = this.addressOf(request);
    const secret = secretFromHeaders(request.headers);
    try {
      const caller = await this.access.authenticate({ secret, transport: 'rest', address });
      workFor(caller.keyId, { id: caller.userId, role: caller.role });
      await this.countRequest(caller, request, response);
      return caller;
    } catch (error) {
      // A 403 here is a valid key on a transport that it may not use. Like a 401 it yields no caller, so it counts for the
      // address.
      const isRefusal = error instanceof DomainError && [401, 403].includes(error.status);
      if (isRefusal) await this.limits.countKeyless(address, response);
      throw error;
    }
  }

  private async countRequest(caller: Caller, request: Request, response: Response): Promise<void> {
    try {
      await this.limits.countRequest(caller, response);
      becomesKnown(request);
    } catch (error) {
      exceedsLimits(request);
      throw error;
    }
  }

  private async refuse(request: Request, caller: Caller, needed: Role): Promise<never> {
    const address = this.addressOf(request);
    const route = `${request.method} ${request.path}`.slice(0, 200);
    await this.refusals.note({ code: 'forbidden', keyId: caller.keyId, address, transport: 'rest', route });
    throw new DomainError('forbidden', `This request needs the role ${needed}; the key has the role ${caller.role}.`);
  }

  private addressOf(request: Request): string {
    return clientAddress(request, this.settings.trustProxy);
  }
}
