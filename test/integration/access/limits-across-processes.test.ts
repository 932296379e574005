import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { granted, limitedCaller, limiterParts, type LimiterParts } from '../../contract/limiter-parts.js';
import { startRedis, type TestRedis } from '../../support/servers/redis-server.js';
import { waitFor } from '../../support/wait-for.js';

let redis: TestRedis;
beforeAll(async () => {
  redis = await startRedis();
});
afterAll(() => redis.close());

async function processes(count: number): Promise<LimiterParts[]> {
  const all = await Promise.all(Array.from({ length: count }, () => limiterParts(redis.url)));
  onTestFinished(async () => void (await Promise.all(all.map(async (one) => one.close()))));
  return all;
}
const turn = <T>(all: readonly T[], n: number): T => all[n % all.length]!;
const connectionsOf = async ({ limits }: LimiterParts, key: string) =>
  (await limits.used(limitedCaller(key))).connections;
const shared = async ({ metrics }: LimiterParts) =>
  /^limits_shared (\d)$/m.exec(await metrics.registry.metrics())?.[1] === '1';

describe('limits shared by several processes', () => {
  it('allow no more messages in total than the limit, and waste at most 10 per other process', async () => {
    const all = await processes(3);
    const caller = limitedCaller(randomUUID(), { messages: 200 });
    const alternating = await granted(600, (n) => turn(all, n).limits.message(caller));
    expect(alternating).toBe(200);
    const skewed = limitedCaller(randomUUID(), { messages: 200 });
    for (const { limits } of all) await limits.message(skewed);
    const rest = await granted(600, () => all[0]!.limits.message(skewed));
    expect(rest + 3).toBeGreaterThanOrEqual(200 - 2 * 10);
    expect(rest + 3).toBeLessThanOrEqual(200);
  });

  it('need at most 21 Redis calls for 5,000 messages of one key', async () => {
    const [one] = await processes(1);
    const caller = limitedCaller(randomUUID(), { messages: 1_000 });
    const calls = async () =>
      Number(/cmdstat_evalsha:calls=(\d+)/.exec(String(await redis.call('INFO', 'commandstats')))?.[1] ?? 0);
    await one!.counters.countUse('requests', 'warm');
    const before = await calls();
    await granted(5_000, () => one!.limits.message(caller));
    const cost = (await calls()) - before;
    expect(cost).toBeGreaterThan(0);
    expect(cost).toBeLessThanOrEqual(21);
  });

  it('count connects of an address and requests of a key across processes', async () => {
    const all = await processes(3);
    const caller = limitedCaller(randomUUID(), { connectsPerAddress: 5 });
    expect(await granted(9, (n) => turn(all, n).limits.connect('198.51.100.1', caller))).toBe(5);
    for (const { counters } of all) await counters.countUse('requests', caller.keyId);
    expect((await all[0]!.limits.used(caller)).apiRequests).toBe(3);
  });

  it('count connections of a key across processes, even if they open at the same moment', async () => {
    const all = await processes(3);
    const caller = limitedCaller(randomUUID(), { connections: 10 });
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, n) => turn(all, n).limits.openConnection(caller, `c${n}`, { resuming: false })),
    );
    expect(answers.filter(Boolean)).toHaveLength(10);
    for (const one of all) {
      await waitFor(async () => (await connectionsOf(one, caller.keyId)) === 10);
    }
    const first = answers.indexOf(true);
    turn(all, first).limits.closeConnection(caller, `c${first}`);
    await waitFor(async () => turn(all, first + 1).limits.openConnection(caller, 'next', { resuming: false }));
  });

  it('close an excess connection once, not once in each process', async () => {
    const [one, two] = (await processes(2)) as [LimiterParts, LimiterParts];
    const caller = limitedCaller(randomUUID(), { connections: 2 });
    for (const id of ['a', 'b', 'c']) await one.limits.openConnection(caller, id, { resuming: true });
    await two.limits.openConnection(caller, 'd', { resuming: true });
    one.limits.closeConnection(caller, 'a');
    await waitFor(async () => (await connectionsOf(two, caller.keyId)) === 3);
    one.clock.time += 60_000;
    two.clock.time += 60_000;
    const ended = [...(await one.slots.overstayed()), ...(await two.slots.overstayed())];
    expect(ended).toEqual(['c']);
  });
});

describe('a process that was killed', () => {
  it('frees its connection slots at once for resuming clients, and seconds later for new clients', async () => {
    const [dead, alive] = (await processes(2)) as [LimiterParts, LimiterParts];
    const caller = limitedCaller(randomUUID(), { connections: 3 });
    for (const id of ['a', 'b', 'c']) await dead.limits.openConnection(caller, id, { resuming: false });
    dead.die();
    expect(await alive.limits.openConnection(caller, 'new', { resuming: false })).toBe(false);
    for (const id of ['a2', 'b2', 'c2'])
      expect(await alive.limits.openConnection(caller, id, { resuming: true })).toBe(true);
    await waitFor(async () => (await connectionsOf(alive, caller.keyId)) === 3, { timeoutMs: 8_000 });
    alive.clock.time += 60_000;
    expect(await alive.slots.overstayed()).toEqual([]);
    alive.limits.closeConnection(caller, 'a2');
    expect(await alive.limits.openConnection(caller, 'new', { resuming: false })).toBe(true);
  });
});

describe('limits while Redis is unavailable', () => {
  it('apply to each process alone, and to all processes together after an empty Redis returns', async () => {
    const [one, two] = (await processes(2)) as [LimiterParts, LimiterParts];
    const caller = limitedCaller(randomUUID(), { messages: 4, connections: 2 });
    await one.limits.openConnection(caller, 'a', { resuming: false });
    expect(await shared(one)).toBe(true);
    await redis.kill();
    expect(await granted(6, () => one.limits.message(caller))).toBe(4);
    expect(await granted(6, () => two.limits.message(caller))).toBe(4);
    const open = (parts: LimiterParts, id: string) => parts.limits.openConnection(caller, id, { resuming: false });
    expect(await granted(3, (n) => open(two, `t${n}`))).toBe(2);
    await waitFor(async () => !(await shared(one)));
    await redis.start();
    await waitFor(async () => (await connectionsOf(one, caller.keyId)) === 3);
    await waitFor(async () => (await connectionsOf(two, caller.keyId)) === 3);
    expect(await open(one, 'b')).toBe(false);
    const fresh = limitedCaller(randomUUID(), { messages: 4 });
    expect(await granted(8, (n) => turn([one, two], n).limits.message(fresh))).toBe(4);
  });

  it('apply to each process alone while Redis hangs', async () => {
    const [one] = (await processes(1)) as [LimiterParts];
    const caller = limitedCaller(randomUUID(), { messages: 4, connections: 2, connectsPerAddress: 3 });
    redis.pause();
    try {
      expect(await granted(6, () => one.limits.message(caller))).toBe(4);
      expect(await granted(5, () => one.limits.connect('198.51.100.9', caller))).toBe(3);
      expect(await granted(3, (n) => one.limits.openConnection(caller, `c${n}`, { resuming: false }))).toBe(2);
    } finally {
      redis.resume();
    }
    await waitFor(
      async () => one.redis.state === 'up' && (await redis.call('HLEN', `{pods}:connections:${caller.keyId}`)) === 1,
    );
  });
});
