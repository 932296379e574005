import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';
import type { Caller, Limits } from '../caller.js';

/** Time for which resumed connections may exceed a key's limit, ms. */
const GRACE_PERIOD_MS = 60_000;

/** Holder of counted connections: a key, or an address. */
export interface SlotHolder {
  readonly keyId: string;
  readonly limits: Pick<Limits, 'connections'>;
}

interface Opened<T extends SlotHolder> {
  caller: T;
  /** End of the grace period of a connection beyond the limit, Unix milliseconds. */
  graceUntil?: number;
}

export interface LateConnections {
  keyId: string;
  limit: number;
  ids: string[];
}

/** Open connections of this process, by key. */
@Injectable()
export class Connections<T extends SlotHolder = Caller> {
  private readonly byKey = new Map<string, Map<string, Opened<T>>>();

  constructor(private readonly clock: Clock) {}

  /**
   * Counts a connection; returns false if it would exceed the limit. Resuming connections may go up to twice the limit for
   * 60 s: after a network failure the server may not yet have detected the end of the previous connections.
   */
  open(caller: T, connectionId: string, resuming: boolean): boolean {
    const limit = caller.limits.connections;
    const open = this.byKey.get(caller.keyId) ?? new Map<string, Opened<T>>();
    const beyond = limit > 0 && !open.has(connectionId) && open.size >= limit;
    if (beyond && (!resuming || open.size >= 2 * limit)) return false;
    open.set(connectionId, beyond ? { caller, graceUntil: this.clock.now() + GRACE_PERIOD_MS } : { caller });
    this.byKey.set(caller.keyId, open);
    return true;
  }

  /** Counts a connection without a check of the limit, which the calling code does itself. */
  enter(caller: T, connectionId: string): void {
    const open = this.byKey.get(caller.keyId) ?? new Map<string, Opened<T>>();
    this.byKey.set(caller.keyId, open.set(connectionId, { caller }));
  }

  /** Starts the grace period of a connection beyond the limit. */
  grace(keyId: string, connectionId: string): void {
    const opened = this.byKey.get(keyId)?.get(connectionId);
    if (opened) opened.graceUntil = this.clock.now() + GRACE_PERIOD_MS;
  }

  has(keyId: string, connectionId: string): boolean {
    return this.byKey.get(keyId)?.has(connectionId) ?? false;
  }

  close(keyId: string, connectionId: string): void {
    const open = this.byKey.get(keyId);
    open?.delete(connectionId);
    if (open?.size === 0) this.byKey.delete(keyId);
  }

  count(keyId: string): number {
    return this.byKey.get(keyId)?.size ?? 0;
  }

  get total(): number {
    let total = 0;
    for (const open of this.byKey.values()) total += open.size;
    return total;
  }

  keyIds(): string[] {
    return [...this.byKey.keys()];
  }

  /** Returns the callers of a key's connections. There are several if the key has changed since some of them opened. */
  callersOf(keyId: string): Set<T> {
    return new Set([...(this.byKey.get(keyId)?.values() ?? [])].map((opened) => opened.caller));
  }

  /** Applies changed rights and limits to the open connections of a key. */
  changeCaller(caller: T): void {
    for (const opened of this.byKey.get(caller.keyId)?.values() ?? []) opened.caller = caller;
  }

  /**
   * Returns the connections that must end: their grace period is over and their key is still beyond its limit. The latest
   * connections first.
   */
  overstayed(): string[] {
    return this.late().flatMap(({ keyId, limit, ids }) => ids.slice(0, Math.max(this.count(keyId) - limit, 0)));
  }

  /** Returns the connections whose grace period is over, by key, the latest connections first. */
  late(): LateConnections[] {
    const now = this.clock.now();
    const late: LateConnections[] = [];
    for (const [keyId, open] of this.byKey) {
      const over = [...open].filter(([, { graceUntil }]) => graceUntil !== undefined && graceUntil <= now).reverse();
      const limit = over[0]?.[1].caller.limits.connections;
      if (limit !== undefined) late.push({ keyId, limit, ids: over.map(([id]) => id) });
    }
    return late;
  }
}
