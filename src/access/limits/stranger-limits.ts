import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { Settings } from '../../platform/settings/settings.js';
import { addressGroup } from '../../platform/http/connections/address-group.js';
import type { SlotHolder } from './connections.js';
import { MinuteCounters } from './minute-counters.js';
import { StrangerSlots } from './stranger-slots.js';

/** Place of one connection that has not shown a valid key. */
export interface StrangerPlace {
  /** Frees the place and its count after the connection has shown a valid key. */
  known(): void;
  /** Frees the place after the connection ended, or is counted elsewhere; its count stays for the minute. */
  leave(): void;
}

/**
 * Limits of callers without a key, by address (a /64 of IPv6 is one). Keys are never counted here, so unauthenticated callers
 * at an address do not block its keys.
 */
@Injectable()
export class StrangerLimits {
  constructor(
    private readonly counters: MinuteCounters,
    private readonly slots: StrangerSlots,
    private readonly settings: Settings,
  ) {}

  /** Takes a place for a connection that has yet to show a key; undefined: the address has none left, or too many new ones. */
  async enter(address: string): Promise<StrangerPlace | undefined> {
    const group = addressGroup(address);
    if (!(await this.mayConnect(group))) return undefined;
    const id = randomUUID();
    const isOpen = await this.slots.open(this.holderOf(group), id, false);
    if (!isOpen) await this.counters.giveBack('stranger_connects', group);
    return isOpen ? this.placeOf(group, id) : undefined;
  }

  /** Counts one connection that showed no valid key and took no place; false beyond the limit. */
  connect(address: string): Promise<boolean> {
    return this.mayConnect(addressGroup(address));
  }

  /** Counts one message of a connection without a key; false beyond the limit. */
  async message(address: string): Promise<boolean> {
    const limit = this.settings.limitMessages.none;
    return limit === 0 || (await this.counters.hit('stranger_messages', addressGroup(address))).used <= limit;
  }

  /**
   * Counts one connect. A refused one is taken back, so that a client that retries in a few seconds finds the places that
   * others freed.
   */
  private async mayConnect(group: string): Promise<boolean> {
    const limit = this.settings.limitConnectsPerAddress.none;
    if (limit === 0 || (await this.counters.hit('stranger_connects', group)).used <= limit) return true;
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
