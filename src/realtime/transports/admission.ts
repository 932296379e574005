import { Injectable } from '@nestjs/common';
import { AccessService, StrangerLimits, UsageLimits, type Caller, type Credentials } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Settings } from '../../platform/settings/settings.js';
import type { HubDrain } from '../core/hub-drain.js';

/** How soon somebody who came during a drain may try again: other processes serve already, a restart takes about this long. */
const RETRY_MS = { from: 1_000, to: 3_000 } as const;

/** A connection that is about to be counted. */
export interface Arrival {
  readonly address: string;
  readonly connectionId: string;
  /** It comes back with its cursor. */
  readonly resuming: boolean;
}

/** The door of plain WebSocket and SSE: who may open a connection, and how many. */
@Injectable()
export class Admission {
  private draining: HubDrain | 'closed' | undefined;
  private present = 0;

  constructor(
    private readonly access: AccessService,
    private readonly limits: UsageLimits,
    private readonly strangers: StrangerLimits,
    private readonly settings: Settings,
  ) {}

  get isDraining(): boolean {
    return this.draining !== undefined;
  }

  /** Draining behind a balancer: a newcomer is not told but passed on to another process, and never notices. */
  get isPassingOn(): boolean {
    return this.isDraining && this.settings.trustProxy > 0;
  }

  /** Connections that have been let in and have not left. */
  get inside(): number {
    return this.present;
  }

  /** From now on nobody gets in; those inside are told by the drain, if there is time for one. */
  drain(drain?: HubDrain): void {
    this.draining ??= drain ?? 'closed';
  }

  refuseWhileDraining(): void {
    if (this.isDraining) throw draining();
  }

  /** Whether the drain closed a connection of this caller before: he came back to the wrong door, through no fault of his. */
  async wasSentAway(credentials: Credentials): Promise<boolean> {
    if (this.draining === undefined || this.draining === 'closed') return false;
    const drain = this.draining;
    return this.access.authenticate(credentials).then(
      ({ keyId }) => drain.hasSentAway(keyId),
      () => false,
    );
  }

  /** Lets a client in: `recognise` and `enter` in one; a wrong key counts against the address. */
  async admit(credentials: Credentials, connectionId: string, resuming: boolean): Promise<Caller> {
    this.assertOpen();
    const caller = await this.identify(credentials);
    await this.enter(caller, { address: credentials.address, connectionId, resuming });
    return caller;
  }

  /** Who is asking. Nothing is counted: whoever calls it has counted the connection, or will. */
  recognise(credentials: Credentials): Promise<Caller> {
    return this.access.authenticate(credentials);
  }

  /** Counts a connection until `leave`. `resuming` ones get some room above the limit, for a short time. */
  async enter(caller: Caller, { address, connectionId, resuming }: Arrival): Promise<void> {
    this.assertOpen();
    if (!(await this.limits.connect(address, caller))) throw tooManyConnects();
    if (!(await this.limits.openConnection(caller, connectionId, { resuming }))) {
      throw new DomainError(
        'connection_limit',
        `This key may hold ${caller.limits.connections} connections at a time.`,
        {
          retryAfterMs: 5_000,
        },
      );
    }
    this.present++;
  }

  leave(caller: Caller, connectionId: string): void {
    this.present--;
    this.limits.closeConnection(caller, connectionId);
  }

  /** Who is asking, without opening a connection; a wrong key counts against the address. */
  async identify(credentials: Credentials): Promise<Caller> {
    try {
      return await this.access.authenticate(credentials);
    } catch (error) {
      if (isRefusal(error) && !(await this.strangers.connect(credentials.address))) throw tooManyConnects();
      throw error;
    }
  }

  private assertOpen(): void {
    this.refuseWhileDraining();
    if (this.settings.role === 'worker') throw noGateway();
  }
}

/** Whether the key was refused, and not only not to be checked at the moment. */
function isRefusal(error: unknown): boolean {
  return error instanceof DomainError && [401, 403].includes(error.status);
}

/** A refusal of everybody who comes during a drain. */
export function draining(): DomainError {
  const retryAfterMs = Math.floor(RETRY_MS.from + Math.random() * (RETRY_MS.to - RETRY_MS.from));
  return new DomainError('server_draining', 'This server is going away; connect again.', { retryAfterMs });
}

function noGateway(): DomainError {
  return new DomainError('unavailable', 'This process takes no clients (ROLE=worker); connect to a gateway.', {
    retryAfterMs: RETRY_MS.to,
  });
}

/** A refusal of those who were too many from one address. */
export function tooManyConnects(): DomainError {
  return new DomainError('rate_limited', 'Too many new connections from this address; wait a minute.', {
    retryAfterMs: 60_000,
  });
}
