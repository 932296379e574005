import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Clock } from '../../../platform/clock/clock.js';

/** Time after the end of a connection within which a new one of the same key and address counts as its return, ms. */
const RETURN_MS = 60_000;
const MAX_KNOWN_KEYS = 50_000;

/**
 * Recently ended connections: as many new connections of the same key and address count as returns, not as new clients. A
 * process does not know the connections of the process before it, so in its first minute each key may return as often as
 * its connection limit.
 */
@Injectable()
export class ReturningKeys {
  private readonly ends = new LRUCache<string, number[]>({ max: MAX_KNOWN_KEYS });
  private readonly presumed = new Map<string, number>();
  private readonly beganAt: number;

  constructor(private readonly clock: Clock) {
    this.beganAt = clock.elapsed();
  }

  left(keyId: string, address: string): void {
    const who = nameOf(keyId, address);
    const ends = this.recent(who);
    ends.push(this.clock.elapsed());
    this.ends.set(who, ends);
  }

  /**
   * Whether a new connection is a return. Each ended connection allows one return. `most`: connection limit of the key;
   * 0: no limit.
   */
  isReturn(keyId: string, address: string, most: number): boolean {
    const who = nameOf(keyId, address);
    const ends = this.recent(who);
    const isReturn = ends.shift() !== undefined;
    if (ends.length > 0) this.ends.set(who, ends);
    else this.ends.delete(who);
    return isReturn || this.mayReturn(who, most);
  }

  private mayReturn(who: string, most: number): boolean {
    if (this.clock.elapsed() - this.beganAt >= RETURN_MS) {
      this.presumed.clear();
      return false;
    }
    const count = (this.presumed.get(who) ?? 0) + 1;
    if (count === 1 && this.presumed.size >= MAX_KNOWN_KEYS) return false;
    this.presumed.set(who, count);
    return most === 0 || count <= most;
  }

  private recent(who: string): number[] {
    const since = this.clock.elapsed() - RETURN_MS;
    return (this.ends.get(who) ?? []).filter((at) => at > since);
  }
}

function nameOf(keyId: string, address: string): string {
  return `${address} ${keyId}`;
}
