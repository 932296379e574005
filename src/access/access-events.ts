import { Injectable, Logger } from '@nestjs/common';
import type { Caller } from './caller.js';

export type EndReason = 'revoked' | 'expired';

/**
 * Notifies the transports of connections that must end or whose rights have changed. The notification comes within 5 s of
 * the change, whichever process made it.
 */
@Injectable()
export class AccessEvents {
  private readonly logger = new Logger(AccessEvents.name);
  private readonly endedListeners = new Set<(keyId: string, reason: EndReason) => void>();
  private readonly changedListeners = new Set<(keyId: string, caller: Caller) => void>();
  private readonly overstayedListeners = new Set<(connectionId: string) => void>();

  /**
   * Calls the listener when all connections of a key must end, and again every 2 s while some of them are still open.
   * Connections of signed tokens are not reported: the transports end them at the caller's `endsAt`.
   */
  onEnded(listener: (keyId: string, reason: EndReason) => void): () => void {
    this.endedListeners.add(listener);
    return () => this.endedListeners.delete(listener);
  }

  /**
   * Calls the listener when role, tier, limits or restrictions of a key have changed. The key's connections continue with
   * the rights of the new `caller`.
   */
  onChanged(listener: (keyId: string, caller: Caller) => void): () => void {
    this.changedListeners.add(listener);
    return () => this.changedListeners.delete(listener);
  }

  /** Calls the listener when a connection that was admitted beyond the limit, because it resumed, has used up its 60 s. */
  onOverstayed(listener: (connectionId: string) => void): () => void {
    this.overstayedListeners.add(listener);
    return () => this.overstayedListeners.delete(listener);
  }

  ended(keyId: string, reason: EndReason): void {
    for (const listener of this.endedListeners) this.callListener(() => listener(keyId, reason));
  }

  changed(keyId: string, caller: Caller): void {
    for (const listener of this.changedListeners) this.callListener(() => listener(keyId, caller));
  }

  overstayed(connectionId: string): void {
    for (const listener of this.overstayedListeners) this.callListener(() => listener(connectionId));
  }

  private callListener(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.logger.error({ err: error }, 'listener of access events failed');
    }
  }
}
