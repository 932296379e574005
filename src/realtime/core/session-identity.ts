import type { Caller } from '../../access/index.js';
import type { Session } from './session.js';

/** Who is at the other end of a connection, and where. */
export interface SessionIdentity {
  readonly caller: Caller;
  /** Given by transports whose protocol already names the connection; made up otherwise. */
  readonly connectionId?: string;
  readonly address: string;
  readonly userAgent?: string;
  readonly region?: string;
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
