import type { Caller } from '../../access/index.js';

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
