import type { Caller } from '../../../access/index.js';
import { isoTime } from '../../../platform/input/time.js';
import type { ClientLink } from '../wire/link.js';

/** Token and position with which a client continues an earlier connection. */
export interface ResumeTicket {
  readonly token: string;
  /** Time for which subscriptions are kept after the connection ended, ms. */
  readonly forMs: number;
  /** Position that the client named when it connected. */
  readonly offset?: string;
}

/** Client of a connection, with its address and region. */
export interface SessionIdentity {
  readonly caller: Caller;
  /** Connection id of a transport whose protocol already has one; otherwise an id is generated. */
  readonly connectionId?: string;
  readonly address: string;
  readonly userAgent?: string;
  readonly region?: string;
  /** Present if the connection's subscriptions are restored after a reconnect. */
  readonly resume?: ResumeTicket;
}

/** A connection as the management routes show it. */
export interface ConnectionInfo {
  connectionId: string;
  userId: string;
  keyId: string;
  connectedAt: string;
  lastActivity: string;
  transport: string;
  metadata: { userAgent: string | null; ipAddress: string; region: string | null };
  subscriptions: number;
}

/** Parts of a connection from which its description is made. */
interface Connected {
  readonly id: string;
  readonly identity: SessionIdentity;
  readonly link: Pick<ClientLink, 'transport'>;
}

/** Returns the connection as its owner and operators see it. */
export function connectionInfo(
  {
    id,
    identity,
    link,
    connectedAt,
    lastActivity,
  }: Connected & { readonly connectedAt: number; readonly lastActivity: number },
  subscriptions: number,
): ConnectionInfo {
  const { caller, address, userAgent, region } = identity;
  return {
    connectionId: id,
    userId: caller.userId,
    keyId: caller.keyId,
    connectedAt: isoTime(connectedAt),
    lastActivity: isoTime(lastActivity),
    transport: link.transport,
    metadata: { userAgent: userAgent ?? null, ipAddress: address, region: region ?? null },
    subscriptions,
  };
}

/** Returns the body of `connected`. */
export function greeting(
  { id, identity }: Pick<Connected, 'id' | 'identity'>,
  cursor: string,
  now: number,
): Readonly<Record<string, unknown>> {
  const { caller, resume } = identity;
  return {
    connectionId: id,
    cursor,
    limits: { ...caller.limits },
    expiresInMs: expiresInMs(caller, now),
    ...(resume === undefined ? {} : { resume: { token: resume.token, forMs: resume.forMs } }),
  };
}

/** Returns the remaining lifetime of the caller's key or token, ms; null: no expiry. */
export function expiresInMs({ endsAt, expiresAt }: Caller, now: number): number | null {
  const end = endsAt ?? expiresAt;
  return end === undefined ? null : Math.max(0, end - now);
}
