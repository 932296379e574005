import { Injectable } from '@nestjs/common';
import type { Caller } from '../caller.js';
import { addressGroup } from '../../platform/http/connections/address-group.js';
import { ConnectionSlots } from './connection-slots.js';
import { MinuteCounters } from './minute-counters.js';

/** Uses of a key's limits. */
export interface Usage {
  connections: number;
  /** Null if there is no limit: messages are then not counted. */
  messages: number | null;
  apiRequests: number | null;
}

/** Limits of a key. Each method counts one use and returns whether it is within the limit; a limit of 0 means no limit. */
@Injectable()
export class UsageLimits {
  constructor(
    private readonly counters: MinuteCounters,
    private readonly slots: ConnectionSlots,
  ) {}

  /**
   * Counts one client message. Called for every frame, so it works in memory; a round trip to Redis is needed once per
   * twentieth of the limit.
   */
  async message(caller: Caller): Promise<boolean> {
    const limit = caller.limits.messages;
    return limit === 0 || this.counters.message(caller.keyId, limit);
  }

  /** Counts one subscribe, unsubscribe or change of filters of a connection. */
  async subscriptionChange(caller: Caller, connectionId: string): Promise<boolean> {
    const limit = caller.limits.subscriptionChanges;
    return limit === 0 || (await this.counters.countUse('subscription_changes', connectionId)).used <= limit;
  }

  /** Counts one new connection of a key from an address. `StrangerLimits` counts connections without a valid key. */
  async connect(address: string, caller: Caller): Promise<boolean> {
    const limit = caller.limits.connectsPerAddress;
    return limit === 0 || (await this.counters.countUse('connects', addressGroup(address))).used <= limit;
  }

  /**
   * Takes one of the key's connections; returns false beyond the limit. Each one taken must be returned with
   * `closeConnection`.
   */
  openConnection(caller: Caller, connectionId: string, options: { resuming: boolean }): Promise<boolean> {
    return this.slots.open(caller, connectionId, options.resuming);
  }

  closeConnection(caller: Caller, connectionId: string): void {
    this.slots.close(caller.keyId, connectionId);
  }

  async used(caller: Caller): Promise<Usage> {
    return {
      connections: await this.slots.count(caller.keyId),
      messages: caller.limits.messages === 0 ? null : await this.counters.used('messages', caller.keyId),
      apiRequests: caller.limits.apiRequests === 0 ? null : await this.counters.used('requests', caller.keyId),
    };
  }
}
