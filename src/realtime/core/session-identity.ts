import type { Caller } from '../../access/index.js';
import type { Session } from './session.js';

/** What a client comes back with to go on where it was. */
export interface ResumeTicket {
  readonly token: string;
  /** How long after its end the connection's subscriptions are kept, ms. */
  readonly forMs: number;
  /** The position that the client named when it connected. */
  readonly offset?: string;
}

/** Client at the other end of a connection, and its place. */
export interface SessionIdentity {
  readonly caller: Caller;
  /** Given by transports whose protocol already names the connection; made up otherwise. */
  readonly connectionId?: string;
  readonly address: string;
  readonly userAgent?: string;
  readonly region?: string;
  /** Of connections whose subscriptions come back with the client. */
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

/** What the owner of a connection and its operators see of it. */
export function connectionInfo(
  {
    id,
    identity,
    link,
    connectedAt,
    lastActivity,
  }: Pick<Session, 'id' | 'identity' | 'link' | 'connectedAt' | 'lastActivity'>,
  subscriptions: number,
): ConnectionInfo {
  const { caller, address, userAgent, region } = identity;
  return {
    connectionId: id,
    userId: caller.userId,
    keyId: caller.keyId,
    connectedAt: new Date(connectedAt).toISOString(),
    lastActivity: new Date(lastActivity).toISOString(),
    transport: link.transport,
    metadata: { userAgent: userAgent ?? null, ipAddress: address, region: region ?? null },
    subscriptions,
  };
}

/** Body of `connected`. */
export function greeting(
  { id, identity }: Pick<Session, 'id' | 'identity'>,
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

/** How long the caller's key or token is still good for, ms; null: it does not end. */
export function expiresInMs({ endsAt, expiresAt }: Caller, now: number): number | null {
  const end = endsAt ?? expiresAt;
  return end === undefined ? null : Math.max(0, end - now);
}
