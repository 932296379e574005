import { Injectable } from '@nestjs/common';
import { AccessService, StrangerLimits, UsageLimits, type Caller, type Credentials } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { Settings } from '../../platform/settings/settings.js';
import { Bans } from './bans.js';
import { DatabaseProbe } from './database-probe.js';
import { ReturningKeys } from './returning-keys.js';

/** How soon somebody who came during a drain may try again: other processes serve already, a restart takes about this long. */
const RETRY_MS = { from: 1_000, to: 3_000 } as const;

/** A connection that is about to be counted. */
export interface Arrival {
  readonly address: string;
  readonly connectionId: string;
  /** It comes back with its cursor, or to what it held. */
  readonly resuming: boolean;
}

/** The door of every transport: who may open a connection, and how many. */
@Injectable()
export class Admission {
  private hasBegunToDrain = false;
  private present = 0;
  /** Of the connections that have been let in. */
  private readonly addresses = new Map<string, string>();

  constructor(
    private readonly access: AccessService,
    private readonly limits: UsageLimits,
    private readonly strangers: StrangerLimits,
    private readonly returning: ReturningKeys,
    private readonly bans: Bans,
    private readonly database: DatabaseProbe,
    private readonly settings: Settings,
  ) {}

  get isDraining(): boolean {
    return this.hasBegunToDrain;
  }

  /** Draining behind a balancer: a newcomer is not told but passed on to another process, and never notices. */
  get isPassingOn(): boolean {
    return this.isDraining && this.settings.trustProxy > 0;
  }

  /** Connections that have been let in and have not left. */
  get inside(): number {
    return this.present;
  }

  /** From now on nobody gets in. */
  drain(): void {
    this.hasBegunToDrain = true;
  }

  refuseWhileDraining(): void {
    if (this.isDraining) throw draining();
  }

  /** Why nobody can be let in now, as far as it can be said before a key is shown. */
  async closedBecause(): Promise<DomainError | undefined> {
    if (this.isDraining) return draining();
    if (this.settings.role === 'worker') return noGateway();
    return (await this.database.answers()) ? undefined : databaseUnavailable();
  }

  /** Lets a client in: `recognise` and `enter` in one; a wrong key counts against the address. */
  async admit(credentials: Credentials, connectionId: string, resuming: boolean): Promise<Caller> {
    this.assertOpen();
    const caller = await this.identify(credentials);
    await this.enter(caller, { address: credentials.address, connectionId, resuming });
    return caller;
  }

  /** Recognises a caller. Nothing is counted: whoever calls it has counted the connection, or will. */
  recognise(credentials: Credentials): Promise<Caller> {
    return this.access.authenticate(credentials);
  }

  /**
   * Counts a connection until `leave`. `resuming` ones get some room above the limit, for a short time; they, and those that
   * follow the end of one of the same key and address, or may, are no newcomers.
   */
  async enter(caller: Caller, { address, connectionId, resuming }: Arrival): Promise<void> {
    this.assertOpen();
    this.bans.check(caller.keyId, address);
    const isNew = !resuming && !this.returning.isReturn(caller.keyId, address, caller.limits.connections);
    if (isNew && !(await this.limits.connect(address, caller))) throw tooManyConnects();
    if (!(await this.limits.openConnection(caller, connectionId, { resuming }))) {
      throw new DomainError('connection_limit', `must be at most ${caller.limits.connections} connections of a key`);
    }
    this.present++;
    this.addresses.set(connectionId, address);
  }

  leave(caller: Caller, connectionId: string): void {
    this.present--;
    const address = this.addresses.get(connectionId);
    this.addresses.delete(connectionId);
    if (address !== undefined) this.returning.left(caller.keyId, address);
    this.limits.closeConnection(caller, connectionId);
  }

  /** Recognises a caller without opening a connection; a wrong key counts against the address. */
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

function databaseUnavailable(): DomainError {
  const retryAfterMs = RETRY_MS.from;
  return new DomainError('unavailable', 'database unavailable; retrying in 1 s', { retryAfterMs });
}

/** A refusal of those who were too many from one address. */
export function tooManyConnects(): DomainError {
  return new DomainError('rate_limited', 'Too many new connections from this address; wait a minute.', {
    retryAfterMs: 60_000,
  });
}
