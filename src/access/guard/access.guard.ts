import { Injectable, type CanActivate, type ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { Request, Response } from 'express';
import { DomainError } from '../../platform/errors/domain-error.js';
import { clientAddress } from '../../platform/http/client-address.js';
import { Settings } from '../../platform/settings/settings.js';
import { AccessService } from '../access.service.js';
import { Refusals } from '../audit/refusals.js';
import { roleIncludes, type Caller, type Role } from '../caller.js';
import { secretFromHeaders } from '../credentials.js';
import { RequestLimits } from '../limits/request-limits.js';
import { setCaller } from './current-caller.decorator.js';
import { ANONYMOUS_METADATA, PUBLIC_METADATA, ROLE_METADATA } from './roles.decorator.js';

/**
 * Stands before every REST handler: key, request limit, role, in this order. Handlers without @Roles want any valid key.
 * Sockets are let through: their transports authenticate on connect.
 */
@Injectable()
export class AccessGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly settings: Settings,
    private readonly access: AccessService,
    private readonly limits: RequestLimits,
    private readonly refusals: Refusals,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const isPublic = this.reflector.getAllAndOverride<boolean | undefined>(PUBLIC_METADATA, targets);
    if (context.getType() !== 'http' || isPublic === true) return true;
    const http = context.switchToHttp();
    const request = http.getRequest<Request>();
    const response = http.getResponse<Response>();
    if (this.isAnonymous(request, targets)) {
      await this.limits.countKeyless(clientAddress(request, this.settings.trustProxy), response);
      return true;
    }
    const caller = await this.callerOf(request, response);
    const needed = this.reflector.getAllAndOverride<Role | undefined>(ROLE_METADATA, targets) ?? 'reader';
    if (!roleIncludes(caller.role, needed)) await this.refuse(request, caller, needed);
    setCaller(request, caller);
    return true;
  }

  /** A key that is shown is checked even where none is needed: its owner wants its limits, or to hear that it ended. */
  private isAnonymous(request: Request, targets: Parameters<Reflector['getAllAndOverride']>[1]): boolean {
    const allowed = this.reflector.getAllAndOverride<boolean | undefined>(ANONYMOUS_METADATA, targets);
    return allowed === true && this.settings.compatAnonymous && secretFromHeaders(request.headers) === undefined;
  }

  private async callerOf(request: Request, response: Response): Promise<Caller> {
    const address = clientAddress(request, this.settings.trustProxy);
    const secret = secretFromHeaders(request.headers);
    try {
      const caller = await this.access.authenticate({ secret, transport: 'rest', address });
      await this.limits.countRequest(caller, response);
      return caller;
    } catch (error) {
      // 403: a good key over a transport that it may not use; no caller, whose limit it could count against, came of it.
      const isRefusal = error instanceof DomainError && [401, 403].includes(error.status);
      if (isRefusal) await this.limits.countKeyless(address, response);
      throw error;
    }
  }

  private async refuse(request: Request, caller: Caller, needed: Role): Promise<never> {
    const address = clientAddress(request, this.settings.trustProxy);
    const route = `${request.method} ${request.path}`.slice(0, 200);
    await this.refusals.note({ code: 'forbidden', keyId: caller.keyId, address, transport: 'rest', route });
    throw new DomainError('forbidden', `This needs the role ${needed}; the key has the role ${caller.role}.`);
  }
}
