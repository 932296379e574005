import type { Caller, Limits } from '../../src/access/index.js';
import { ConnectionSlots } from '../../src/access/limits/connection-slots.js';
import { Connections } from '../../src/access/limits/connections.js';
import { MinuteCounters } from '../../src/access/limits/minute-counters.js';
import { SharedSlots } from '../../src/access/limits/shared-slots.js';
import { StrangerLimits } from '../../src/access/limits/stranger-limits.js';
import { StrangerSlots } from '../../src/access/limits/stranger-slots.js';
import { TierLimits } from '../../src/access/limits/tier-limits.js';
import { UsageLimits } from '../../src/access/limits/usage-limits.js';
import { Clock } from '../../src/platform/clock/clock.js';
import { Metrics } from '../../src/platform/metrics/metrics.js';
import { Pods } from '../../src/platform/redis/pods.js';
import { RedisConnections } from '../../src/platform/redis/redis-connections.js';
import { parseSettings } from '../../src/platform/settings/settings.js';
import { testLoops } from '../support/servers/background-loops.js';

class SetClock extends Clock {
  time = 1_000_000;
  override now(): number {
    return this.time;
  }
}

/** Limiters of one process: in memory, or shared with other processes on a Redis. */
export interface LimiterParts {
  limits: UsageLimits;
  strangers: StrangerLimits;
  counters: MinuteCounters;
  slots: ConnectionSlots;
  here: Connections;
  clock: SetClock;
  redis: RedisConnections;
  metrics: Metrics;
  /** Stops the heartbeats of the process and all its other messages. */
  die(): void;
  /** Stops the process gracefully. */
  close(): Promise<void>;
}

const settings = (redisUrl?: string) =>
  parseSettings({
    LIMIT_CONNECTIONS: 'none=3',
    LIMIT_CONNECTS_PER_ADDRESS: 'none=5',
    LIMIT_MESSAGES: 'none=4',
    SECRETS_KEY: 'a key that only tests use',
    DATABASE_URL: 'postgres://localhost/unused',
    ...(redisUrl === undefined ? {} : { REDIS_URL: redisUrl }),
  });
const tiers = new TierLimits(settings());

export async function limiterParts(redisUrl?: string): Promise<LimiterParts> {
  const clock = new SetClock();
  const metrics = new Metrics();
  const redis = await RedisConnections.open(settings(redisUrl), metrics);
  const pods = new Pods(redis, testLoops());
  const here = new Connections(clock);
  const shared = new SharedSlots(redis, pods);
  const slots = new ConnectionSlots(here, shared, pods, testLoops());
  const strangerSlots = new StrangerSlots(clock, shared, pods, testLoops());
  const counters = new MinuteCounters(redis, metrics);
  const limits = new UsageLimits(counters, slots);
  const strangers = new StrangerLimits(counters, strangerSlots, settings());
  for (const held of [slots, strangerSlots]) held.onModuleInit();
  await pods.onModuleInit();
  const die = (): void => {
    for (const held of [slots, strangerSlots]) held.onApplicationShutdown();
    pods.onApplicationShutdown();
    redis.onApplicationShutdown();
  };
  const close = async (): Promise<void> => {
    for (const held of [slots, strangerSlots]) await held.beforeApplicationShutdown();
    await pods.beforeApplicationShutdown();
    die();
  };
  return { limits, strangers, counters, slots, here, clock, redis, metrics, die, close };
}

/** Returns a caller of the free tier. The test chooses the key's name, because all tests count in one Redis. */
export function limitedCaller(keyId: string, overrides: Partial<Limits> = {}): Caller {
  return { userId: 'u', keyId, role: 'reader', tier: 'free', limits: tiers.of('free', overrides) };
}

/** Returns how many of several uses are within the limit. */
export async function granted(times: number, use: (n: number) => Promise<boolean>): Promise<number> {
  let count = 0;
  for (let n = 0; n < times; n++) count += Number(await use(n));
  return count;
}
