import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../platform/settings/settings.js';
import { addressGroup } from '../../platform/http/connections/address-group.js';
import type { SlotHolder } from './connections.js';
import { MinuteCounters } from './minute-counters.js';
import { StrangerSlots } from './stranger-slots.js';

/** Place of one connection that has not yet presented a valid key. */
export interface StrangerPlace {
  /**
   * Frees the place and subtracts the connection from the minute's count. Called after the connection has presented a valid
   * key.
   */
  known(): void;
  /** Frees the place after the connection has ended or is counted elsewhere; it stays in the minute's count. */
  leave(): void;
}

/**
 * Limits of callers without a key, per address (an IPv6 /64 counts as one address). Uses of valid keys are not counted here,
 * so callers without a key cannot block keys at the same address.
 */
@Injectable()
export class StrangerLimits {
  constructor(
    private readonly counters: MinuteCounters,
    private readonly slots: StrangerSlots,
    private readonly settings: Settings,
  ) {}

  /**
   * Takes a place for a connection that has not yet presented a key. Returns undefined if the address has no free place or
   * too many new connections in this minute.
   */
  async enter(address: string): Promise<StrangerPlace | undefined> {
    const group = addressGroup(address);
    if (!(await this.mayConnect(group))) return undefined;
    const id = randomUUID();
    const isOpen = await this.slots.open(this.holderOf(group), id, false);
    if (!isOpen) await this.counters.giveBack('stranger_connects', group);
    return isOpen ? this.placeOf(group, id) : undefined;
  }

  /** Counts one connection that presented no valid key and took no place; returns false beyond the limit. */
  connect(address: string): Promise<boolean> {
    return this.mayConnect(addressGroup(address));
  }

  /** Counts one message of a connection without a key; returns false beyond the limit. */
  async message(address: string): Promise<boolean> {
    const limit = this.settings.limitMessages.none;
    return limit === 0 || (await this.counters.countUse('stranger_messages', addressGroup(address))).used <= limit;
  }

  /**
   * Counts one new connection. A refused one is subtracted again, so that a client that retries some seconds later can use a
   * place that others have freed.
   */
  private async mayConnect(group: string): Promise<boolean> {
    const limit = this.settings.limitConnectsPerAddress.none;
    if (limit === 0 || (await this.counters.countUse('stranger_connects', group)).used <= limit) return true;
    await this.counters.giveBack('stranger_connects', group);
    return false;
  }

  private placeOf(group: string, id: string): StrangerPlace {
    let isHeld = true;
    const leave = (): void => {
      if (isHeld) this.slots.close(this.holderOf(group).keyId, id);
      isHeld = false;
    };
    const known = (): void => {
      if (isHeld) void this.counters.giveBack('stranger_connects', group).catch(() => undefined);
      leave();
    };
    return { known, leave };
  }

  private holderOf(group: string): SlotHolder {
    return { keyId: `address:${group}`, limits: { connections: this.settings.limitConnections.none } };
  }
}
