import { Injectable, Logger } from '@nestjs/common';
import type { Caller } from './caller.js';

export type EndReason = 'revoked' | 'expired';

/**
 * Notifies the transports of connections that must end or have other rights, within 5 s of the cause, whichever process caused
 * it.
 */
@Injectable()
export class AccessEvents {
  private readonly logger = new Logger(AccessEvents.name);
  private readonly endedListeners = new Set<(keyId: string, reason: EndReason) => void>();
  private readonly changedListeners = new Set<(keyId: string, caller: Caller) => void>();
  private readonly overstayedListeners = new Set<(connectionId: string) => void>();

  /**
   * Calls the listener when all connections of a key must end; again every 2 s while some of them are open. Not for signed
   * tokens: these end at the `endsAt` of their caller.
   */
  onEnded(listener: (keyId: string, reason: EndReason) => void): () => void {
    this.endedListeners.add(listener);
    return () => this.endedListeners.delete(listener);
  }

  /**
   * Calls the listener when role, tier, limits or restrictions of a key have changed: its connections continue as this caller.
   */
  onChanged(listener: (keyId: string, caller: Caller) => void): () => void {
    this.changedListeners.add(listener);
    return () => this.changedListeners.delete(listener);
  }

  /** Calls the listener when a connection admitted beyond the limit to resume has used up its 60 s. */
  onOverstayed(listener: (connectionId: string) => void): () => void {
    this.overstayedListeners.add(listener);
    return () => this.overstayedListeners.delete(listener);
  }

  ended(keyId: string, reason: EndReason): void {
    for (const listener of this.endedListeners) this.tell(() => listener(keyId, reason));
  }

  changed(keyId: string, caller: Caller): void {
    for (const listener of this.changedListeners) this.tell(() => listener(keyId, caller));
  }

  overstayed(connectionId: string): void {
    for (const listener of this.overstayedListeners) this.tell(() => listener(connectionId));
  }

  private tell(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.logger.error({ err: error }, 'listener of access events failed');
    }
  }
}
