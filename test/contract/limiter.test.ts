import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { addressGroup } from '../../src/platform/http/connections/address-group.js';
import { startRedis, startRedisCluster } from '../support/servers/redis-server.js';
import { waitFor } from '../support/wait-for.js';
import { granted, limitedCaller, limiterParts, type LimiterParts } from './limiter-parts.js';

/** Places where limits are counted: a Redis, or undefined for the memory of the process. */
const places: Record<string, () => Promise<{ url: string; close(): Promise<void> } | undefined>> = {
  memory: () => Promise.resolve(undefined),
  redis: () => startRedis(),
  'a Redis cluster': () => startRedisCluster(),
};

describe.each(Object.keys(places))('limits counted in %s', (where) => {
  let redis: { url: string; close(): Promise<void> } | undefined;
  let parts: LimiterParts;
  let key: string;
  beforeAll(async () => {
    redis = await places[where]?.();
    parts = await limiterParts(redis?.url);
    await waitFor(() => parts.redis.state === (redis ? 'up' : 'off'));
  });
  afterAll(async () => {
    await parts.close();
    await redis?.close();
  });
  beforeEach(() => {
    key = randomUUID();
  });
  const open = (id: string, connections: number, resuming = false) =>
    parts.limits.openConnection(limitedCaller(key, { connections }), id, { resuming });

  it.each([1, 3, 20, 100, 1_000])('allow exactly %i messages per minute and key', async (messages) => {
    const caller = limitedCaller(key, { messages });
    expect(await granted(messages + 5, () => parts.limits.message(caller))).toBe(messages);
    expect(await parts.limits.message(limitedCaller(randomUUID(), { messages }))).toBe(true);
    expect((await parts.limits.used(caller)).messages).toBeGreaterThanOrEqual(messages);
  });

  it('allow exactly 50 of 500 simultaneous messages', async () => {
    const caller = limitedCaller(key, { messages: 50 });
    const answers = await Promise.all(Array.from({ length: 500 }, () => parts.limits.message(caller)));
    expect(answers.filter(Boolean)).toHaveLength(50);
  });

  it('report the messages used without the messages reserved in advance', async () => {
    const caller = limitedCaller(key, { messages: 1_000 });
    await granted(7, () => parts.limits.message(caller));
    expect((await parts.limits.used(caller)).messages).toBe(7);
  });

  it('apply to the subscription changes of each connection separately', async () => {
    const caller = limitedCaller(key, { subscriptionChanges: 2 });
    expect(await granted(4, () => parts.limits.subscriptionChange(caller, `${key}-1`))).toBe(2);
    expect(await granted(4, () => parts.limits.subscriptionChange(caller, `${key}-2`))).toBe(2);
  });

  it('apply to connections per address; an IPv6 /64 network counts as one address', async () => {
    const caller = limitedCaller(key, { connectsPerAddress: 4 });
    expect(await granted(5, () => parts.limits.connect('2001:db8::1', caller))).toBe(4);
    expect(await parts.limits.connect('2001:db8::2', caller)).toBe(false);
  });

  it('give each connection without a key a place until it shows a key or disconnects', async () => {
    const address = `192.0.2.${Math.floor(Math.random() * 200)}`;
    const places = [];
    for (let n = 0; n < 3; n++) places.push(await parts.strangers.enter(address));
    expect(places).not.toContain(undefined);
    expect(await parts.strangers.enter(address)).toBeUndefined();
    places[0]?.known();
    places[0]?.leave();
    await waitFor(async () => (places[0] = await parts.strangers.enter(address)));
    expect(await parts.strangers.enter(address)).toBeUndefined();
    for (const place of places) place?.leave();
    expect(await parts.strangers.enter('192.0.2.250')).toBeDefined();
  });

  it('count connections without a key per minute, but not connections that show a key later', async () => {
    const address = (n: number) => `2001:db8:${key.slice(0, 4)}:1::${n + 1}`;
    for (let n = 0; n < 20; n++) (await parts.strangers.enter(address(n)))?.known();
    await waitFor(async () => (await parts.counters.used('stranger_connects', addressGroup(address(0)))) === 0);
    expect(await granted(20, (n) => parts.strangers.connect(address(n)))).toBe(5);
    expect(await granted(10, (n) => parts.strangers.message(address(n)))).toBe(4);
  });

  it('count requests and return the time until the end of the minute', async () => {
    const [first, second] = [
      await parts.counters.countUse('requests', key),
      await parts.counters.countUse('requests', key),
    ];
    expect([first.used, second.used]).toEqual([1, 2]);
    expect(second.resetMs).toBeGreaterThan(0);
    expect(second.resetMs).toBeLessThanOrEqual(60_000);
    expect((await parts.limits.used(limitedCaller(key))).apiRequests).toBe(2);
  });

  it('allow everything if the limit is 0', async () => {
    const free = limitedCaller(key, { messages: 0, subscriptionChanges: 0, connectsPerAddress: 0, connections: 0 });
    expect(await granted(300, () => parts.limits.message(free))).toBe(300);
    expect(await granted(300, () => parts.limits.subscriptionChange(free, key))).toBe(300);
    expect(await granted(300, () => parts.limits.connect('192.0.2.7', free))).toBe(300);
    expect(await granted(300, (n) => parts.limits.openConnection(free, `c${n}`, { resuming: false }))).toBe(300);
    for (let n = 0; n < 300; n++) parts.limits.closeConnection(free, `c${n}`);
  });

  it('apply to the open connections of a key; a closed connection frees its place', async () => {
    expect([await open('a', 2), await open('b', 2), await open('c', 2)]).toEqual([true, true, false]);
    expect(await open('a', 2)).toBe(true);
    const caller = limitedCaller(key);
    expect((await parts.limits.used(caller)).connections).toBe(2);
    parts.limits.closeConnection(caller, 'b');
    parts.limits.closeConnection(caller, 'b');
    expect(await open('c', 2)).toBe(true);
    expect((await parts.limits.used(caller)).connections).toBe(2);
  });

  it('apply to connections opened simultaneously', async () => {
    const answers = await Promise.all(Array.from({ length: 50 }, (_, n) => open(`c${n}`, 7)));
    expect(answers.filter(Boolean)).toHaveLength(7);
    expect((await parts.limits.used(limitedCaller(key))).connections).toBe(7);
  });

  it('allow resuming connections to reach twice the limit for 60 s', async () => {
    for (const id of ['a', 'b']) await open(id, 2);
    expect([await open('c', 2, true), await open('d', 2, true), await open('e', 2, true)]).toEqual([true, true, false]);
    const caller = limitedCaller(key);
    parts.clock.time += 59_999;
    expect(await parts.slots.overstayed()).toEqual([]);
    parts.clock.time += 1;
    expect((await parts.slots.overstayed()).sort()).toEqual(['c', 'd']);
    parts.limits.closeConnection(caller, 'a');
    expect(await parts.slots.overstayed()).toHaveLength(1);
    parts.limits.closeConnection(caller, 'b');
    expect(await parts.slots.overstayed()).toEqual([]);
  });
});
