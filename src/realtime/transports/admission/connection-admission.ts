import { Injectable } from '@nestjs/common';
import { AccessService, StrangerLimits, UsageLimits, type Caller, type Credentials } from '../../../access/index.js';
import { DomainError } from '../../../platform/errors/domain-error.js';
import { Settings } from '../../../platform/settings/settings.js';
import { Bans } from './bans.js';
import { DatabaseProbe } from './database-probe.js';
import { ReturningKeys } from './returning-keys.js';

/**
 * Delay suggested to clients that connect during a drain, ms: other processes can accept them at once, and a restart
 * takes about this long.
 */
const RETRY_DELAY_MS = { from: 1_000, to: 3_000 } as const;

/** Connection that is about to be counted. */
interface Arrival {
  readonly address: string;
  readonly connectionId: string;
  /** Whether the client presents a cursor or an earlier session. */
  readonly resuming: boolean;
}

/** Admission of clients of every transport: decides which clients may connect, and how many connections they may open. */
@Injectable()
export class ConnectionAdmission {
  private hasBegunToDrain = false;
  private present = 0;
  /** Addresses of the admitted connections. */
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

  /**
   * Whether the process drains behind a balancer: a new client gets a 503, with which the balancer tries another process.
   */
  get isPassingOn(): boolean {
    return this.isDraining && this.settings.trustProxy > 0;
  }

  /** Number of admitted connections that have not ended. */
  get inside(): number {
    return this.present;
  }

  /** Refuses new connections from now on. */
  drain(): void {
    this.hasBegunToDrain = true;
  }

  refuseWhileDraining(): void {
    if (this.isDraining) throw draining();
  }

  /** Returns the reason why no client is admitted now, if it is known before the client's key is checked. */
  async closedBecause(): Promise<DomainError | undefined> {
    if (this.isDraining) return draining();
    if (this.settings.role === 'worker') return noGateway();
    return (await this.database.answers()) ? undefined : databaseUnavailable();
  }

  /** Admits a client: `recognise`, then `enter`. An invalid key counts against the client's address. */
  async admit(credentials: Credentials, connectionId: string, resuming: boolean): Promise<Caller> {
    this.assertOpen();
    const caller = await this.identify(credentials);
    await this.enter(caller, { address: credentials.address, connectionId, resuming });
    return caller;
  }

  /** Recognises a caller. Counts neither connections nor invalid keys; the code that opens the connection does so. */
  recognise(credentials: Credentials): Promise<Caller> {
    return this.access.authenticate(credentials);
  }

  /**
   * Counts a connection until `leave`. `resuming` connections may exceed the limit a little for a short time. Neither
   * `resuming` connections nor those that return (`ReturningKeys`) count as new.
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

  /** Recognises a caller without opening a connection; an invalid key counts against the client's address. */
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

/** Whether the key was refused; false if the key could not be checked at the moment. */
function isRefusal(error: unknown): boolean {
  return error instanceof DomainError && [401, 403].includes(error.status);
}

/** Returns the refusal during a drain. */
export function draining(): DomainError {
  const retryAfterMs = Math.floor(RETRY_DELAY_MS.from + Math.random() * (RETRY_DELAY_MS.to - RETRY_DELAY_MS.from));
  return new DomainError('server_draining', 'The server is shutting down; reconnect.', { retryAfterMs });
}

function noGateway(): DomainError {
  return new DomainError('unavailable', 'This process accepts no clients (ROLE=worker); connect to a gateway.', {
    retryAfterMs: RETRY_DELAY_MS.to,
  });
}

function databaseUnavailable(): DomainError {
  const retryAfterMs = RETRY_DELAY_MS.from;
  return new DomainError('unavailable', 'database unavailable; retrying in 1 s', { retryAfterMs });
}

/** Returns the refusal for an address that opened too many connections. */
export function tooManyConnects(): DomainError {
  return new DomainError('rate_limited', 'Too many new connections from this address; wait a minute.', {
    retryAfterMs: 60_000,
  });
}
