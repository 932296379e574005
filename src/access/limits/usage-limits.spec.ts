import { beforeEach, describe, expect, it, vi } from 'vitest';
import { Clock } from '../../platform/clock/clock.js';
import { parseSettings } from '../../platform/settings/settings.js';
import type { Caller, Limits } from '../caller.js';
import { Connections } from './connections.js';
import { MinuteCounters } from './minute-counters.js';
import { TierLimits } from './tier-limits.js';
import { UsageLimits } from './usage-limits.js';

class SetClock extends Clock {
  time = 1_000_000;
  override now(): number {
    return this.time;
  }
}

let clock: SetClock;
let connections: Connections;
let limits: UsageLimits;
const tiers = new TierLimits(parseSettings({ LIMIT_CONNECTS_PER_ADDRESS: 'free=2' }));

beforeEach(() => {
  clock = new SetClock();
  connections = new Connections(clock);
  limits = new UsageLimits(new MinuteCounters(), connections, tiers);
});

const caller = (overrides: Partial<Limits> = {}, keyId = 'k'): Caller => ({
  userId: 'u',
  keyId,
  role: 'reader',
  tier: 'free',
  limits: tiers.of('free', overrides),
});
const count = async (times: number, use: () => Promise<boolean>): Promise<number> => {
  let granted = 0;
  for (let n = 0; n < times; n++) granted += Number(await use());
  return granted;
};
const open = (who: Caller, id: string, resuming = false) => limits.openConnection(who, id, { resuming });

describe('per minute', () => {
  it('counts messages by key, subscription changes by connection, connects by address', async () => {
    expect(await count(5, () => limits.message(caller({ messages: 3 })))).toBe(3);
    expect(await count(5, () => limits.message(caller({ messages: 3 }, 'other')))).toBe(3);
    const changing = caller({ subscriptionChanges: 2 });
    expect(await count(4, () => limits.subscriptionChange(changing, 'c1'))).toBe(2);
    expect(await count(4, () => limits.subscriptionChange(changing, 'c2'))).toBe(2);
    expect(await count(5, () => limits.connect('192.0.2.1'))).toBe(2);
    expect(await count(5, () => limits.connect('2001:db8::1', caller({ connectsPerAddress: 4 })))).toBe(4);
    expect(await limits.connect('2001:db8::2', caller({ connectsPerAddress: 4 }))).toBe(false);
  });

  it('takes 0 as no limit', async () => {
    const free = caller({ messages: 0, subscriptionChanges: 0, connectsPerAddress: 0, connections: 0 });
    expect(await count(300, () => limits.message(free))).toBe(300);
    expect(await count(300, () => limits.subscriptionChange(free, 'c'))).toBe(300);
    expect(await count(300, () => limits.connect('192.0.2.1', free))).toBe(300);
    let id = 0;
    expect(await count(300, () => open(free, `c${id++}`))).toBe(300);
    clock.time += 120_000;
    expect(connections.overstayed()).toEqual([]);
  });

  it('begins anew with the next minute', async () => {
    vi.useFakeTimers();
    try {
      const who = caller({ messages: 2 }, 'minute');
      expect(await count(3, () => limits.message(who))).toBe(2);
      await vi.advanceTimersByTimeAsync(60_001);
      expect(await count(3, () => limits.message(who))).toBe(2);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('connections', () => {
  it('are limited by key and given back', async () => {
    const who = caller({ connections: 2 });
    expect([await open(who, 'a'), await open(who, 'b'), await open(who, 'c')]).toEqual([true, true, false]);
    expect(await open(caller({ connections: 2 }, 'other'), 'd')).toBe(true);
    expect(await open(who, 'a')).toBe(true);
    limits.closeConnection(who, 'b');
    limits.closeConnection(who, 'b');
    expect(await open(who, 'c')).toBe(true);
    expect(await limits.used(who)).toEqual({ connections: 2, messages: 0, apiRequests: 0 });
    expect([connections.total, connections.keyIds().sort()]).toEqual([3, ['k', 'other']]);
  });

  it('may go up to twice the limit when they come back to resume, for 60 s', async () => {
    const who = caller({ connections: 2 });
    for (const id of ['a', 'b']) await open(who, id);
    expect([await open(who, 'c', true), await open(who, 'd', true), await open(who, 'e', true)]).toEqual([
      true,
      true,
      false,
    ]);
    clock.time += 59_999;
    expect(connections.overstayed()).toEqual([]);
    clock.time += 1;
    expect(connections.overstayed().sort()).toEqual(['c', 'd']);
    limits.closeConnection(who, 'a');
    expect(connections.overstayed()).toHaveLength(1);
    limits.closeConnection(who, 'b');
    expect(connections.overstayed()).toEqual([]);
  });
});
