import { Injectable } from '@nestjs/common';
import { AccessService, UsageLimits, type Caller, type Credentials } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';

/** The door of plain WebSocket and SSE: who may open a connection, and how many. */
@Injectable()
export class Admission {
  isDraining = false;

  constructor(
    private readonly access: AccessService,
    private readonly limits: UsageLimits,
  ) {}

  /** From now on nobody gets in; those inside are told by the drain. */
  drain(): void {
    this.isDraining = true;
  }

  refuseWhileDraining(): void {
    if (this.isDraining) throw new DomainError('server_draining', 'This server is going away; connect again.');
  }

  /** Counts the connection until `leave`. `resuming` connections get some room above the limit, for a short time. */
  async admit(credentials: Credentials, connectionId: string, resuming: boolean): Promise<Caller> {
    this.refuseWhileDraining();
    const caller = await this.identify(credentials);
    if (!(await this.limits.connect(credentials.address, caller))) throw tooManyConnects();
    if (!(await this.limits.openConnection(caller, connectionId, { resuming }))) {
      throw new DomainError(
        'connection_limit',
        `This key may hold ${caller.limits.connections} connections at a time.`,
        {
          retryAfterMs: 5_000,
        },
      );
    }
    return caller;
  }

  leave(caller: Caller, connectionId: string): void {
    this.limits.closeConnection(caller, connectionId);
  }

  /** Somebody connected and did not say who he is: counts against the address. */
  async anonymous(address: string): Promise<void> {
    await this.limits.connect(address);
  }

  /** Who is asking, without opening a connection; a wrong key counts against the address. */
  async identify(credentials: Credentials): Promise<Caller> {
    try {
      return await this.access.authenticate(credentials);
    } catch (error) {
      if (!(await this.limits.connect(credentials.address))) throw tooManyConnects();
      throw error;
    }
  }
}

function tooManyConnects(): DomainError {
  return new DomainError('rate_limited', 'Too many new connections from this address; wait a minute.', {
    retryAfterMs: 60_000,
  });
}
