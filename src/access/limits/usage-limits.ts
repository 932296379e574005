import { Injectable } from '@nestjs/common';
import type { Caller } from '../caller.js';
import { addressGroup } from './address-group.js';
import { Connections } from './connections.js';
import { MinuteCounters } from './minute-counters.js';
import { TierLimits } from './tier-limits.js';

export interface Usage {
  connections: number;
  messages: number;
  apiRequests: number;
}

/** What a key may still use: every method counts one use and says whether it is within the limit. A limit of 0 is none. */
@Injectable()
export class UsageLimits {
  constructor(
    private readonly counters: MinuteCounters,
    private readonly connections: Connections,
    private readonly tiers: TierLimits,
  ) {}

  /** One message of a client. On the way of every frame: in memory, 0.5 µs. */
  async message(caller: Caller): Promise<boolean> {
    const limit = caller.limits.messages;
    return limit === 0 || (await this.counters.hit('messages', caller.keyId)).used <= limit;
  }

  /** One subscribe, unsubscribe or change of filters; counted per connection. */
  async subscriptionChange(caller: Caller, connectionId: string): Promise<boolean> {
    const limit = caller.limits.subscriptionChanges;
    return limit === 0 || (await this.counters.hit('subscription_changes', connectionId)).used <= limit;
  }

  /**
   * One new connection from an address. Call it once per connection: with the caller when the key was good, without
   * when not; the limit is the caller's, or that of the free tier.
   */
  async connect(address: string, caller?: Caller): Promise<boolean> {
    const limit = (caller?.limits ?? this.tiers.of('free')).connectsPerAddress;
    return limit === 0 || (await this.counters.hit('connects', addressGroup(address))).used <= limit;
  }

  /** Takes one of the key's connections; every one that was granted must be given back with closeConnection. */
  // oxlint-disable-next-line require-await -- a shared counter will be asked over the network
  async openConnection(caller: Caller, connectionId: string, options: { resuming: boolean }): Promise<boolean> {
    return this.connections.open(caller, connectionId, options.resuming);
  }

  closeConnection(caller: Caller, connectionId: string): void {
    this.connections.close(caller.keyId, connectionId);
  }

  async used(caller: Caller): Promise<Usage> {
    return {
      connections: this.connections.count(caller.keyId),
      messages: await this.counters.used('messages', caller.keyId),
      apiRequests: await this.counters.used('requests', caller.keyId),
    };
  }
}
