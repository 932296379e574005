import { Injectable } from '@nestjs/common';
import { Clock } from '../../platform/clock/clock.js';

/** How long after a connection ended one of the same key and address is its return, ms. */
const RETURN_MS = 60_000;
const MAX_KNOWN = 50_000;

/** Connections that ended a short while ago: as many of the same key and address are returns and no newcomers. */
@Injectable()
export class ReturningKeys {
  private readonly ends = new Map<string, number[]>();

  constructor(private readonly clock: Clock) {}

  left(keyId: string, address: string): void {
    const who = nameOf(keyId, address);
    const ends = this.recent(who);
    ends.push(this.clock.elapsed());
    this.ends.delete(who);
    this.ends.set(who, ends);
    if (this.ends.size > MAX_KNOWN) this.ends.delete(this.ends.keys().next().value ?? who);
  }

  /** Whether one that ended was not followed by a return yet; it is from now on. */
  isReturn(keyId: string, address: string): boolean {
    const who = nameOf(keyId, address);
    const ends = this.recent(who);
    const isReturn = ends.shift() !== undefined;
    if (ends.length > 0) this.ends.set(who, ends);
    else this.ends.delete(who);
    return isReturn;
  }

  private recent(who: string): number[] {
    const since = this.clock.elapsed() - RETURN_MS;
    return (this.ends.get(who) ?? []).filter((at) => at > since);
  }
}

function nameOf(keyId: string, address: string): string {
  return `${address} ${keyId}`;
}
