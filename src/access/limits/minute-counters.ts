import { Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { RateLimiterMemory, RateLimiterRedis, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { RedisConnections } from '../../platform/redis/redis-connections.js';
import { Leases, type Count } from './leases.js';

/** Length of the counting window, seconds. */
export const WINDOW_SECONDS = 60;

/** Kinds of counted uses. `stranger_…`: uses by callers without a key, counted per address. */
type Counted =
  | 'requests'
  | 'refusals'
  | 'rare'
  | 'messages'
  | 'subscription_changes'
  | 'connects'
  | 'stranger_connects'
  | 'stranger_messages'
  // Requests to routes that need no key, per address.
  | 'pages'
  | 'probes';
type Counters = Readonly<Record<Counted, RateLimiterAbstract>>;

/**
 * Counters of the current minute. They are in Redis for all processes together; while Redis is unavailable or not
 * configured, in each process, which then allows the whole limit. The calling code compares with the limit, which differs
 * from key to key.
 */
@Injectable()
export class MinuteCounters {
  private readonly local: Record<Counted, RateLimiterMemory> = {
    requests: inMemory(),
    refusals: inMemory(),
    rare: inMemory(),
    messages: inMemory(),
    subscription_changes: inMemory(),
    connects: inMemory(),
    stranger_connects: inMemory(),
    stranger_messages: inMemory(),
    pages: inMemory(),
    probes: inMemory(),
  };
  private shared: { client: unknown; counters: Counters } | undefined;
  private readonly leases = new Leases(
    (who, uses) => this.count('messages', who, uses),
    () => performance.now(),
  );

  readonly gauge: Gauge;

  constructor(
    private readonly redis: RedisConnections,
    metrics: Metrics,
  ) {
    const isShared = (): boolean => redis.state === 'up';
    this.gauge = new Gauge({
      ...metricOf('limits_shared'),
      registers: [metrics.registry],
      collect() {
        this.set(isShared() ? 1 : 0);
      },
    });
  }

  /** Counts one use. */
  countUse(what: Counted, who: string): Promise<Count> {
    return this.count(what, who, 1);
  }

  /** Subtracts one use that `countUse` counted in this minute. */
  async giveBack(what: Counted, who: string): Promise<void> {
    await this.counters()[what].reward(who, 1);
  }

  /**
   * Counts one message and returns whether it is within the limit. With Redis, the use is spent from a slice (see `Leases`).
   */
  message(who: string, limit: number): boolean | Promise<boolean> {
    if (this.redis.state === 'up') return this.leases.spend(who, limit);
    return this.count('messages', who, 1).then(({ used }) => used <= limit);
  }

  async used(what: Counted, who: string): Promise<number> {
    const state = await this.counters()[what].get(who);
    const unused = what === 'messages' && this.redis.state === 'up' ? this.leases.unused(who) : 0;
    return Math.max((state?.consumedPoints ?? 0) - unused, 0);
  }

  private async count(what: Counted, who: string, uses: number): Promise<Count> {
    const state = await this.counters()[what].penalty(who, uses);
    return { used: state.consumedPoints, resetMs: state.msBeforeNext };
  }

  private counters(): Counters {
    if (this.redis.state !== 'up') return this.local;
    const client = this.redis.commands();
    if (this.shared?.client !== client) this.shared = { client, counters: this.sharedCounters(client) };
    return this.shared.counters;
  }

  private sharedCounters(client: unknown): Counters {
    const inRedis = (what: Counted): RateLimiterRedis =>
      new RateLimiterRedis({
        storeClient: client,
        keyPrefix: this.redis.key(`limit:${what}`),
        insuranceLimiter: this.local[what],
        ...WINDOW,
      });
    return {
      requests: inRedis('requests'),
      refusals: inRedis('refusals'),
      rare: inRedis('rare'),
      messages: inRedis('messages'),
      connects: inRedis('connects'),
      stranger_connects: inRedis('stranger_connects'),
      stranger_messages: inRedis('stranger_messages'),
      // In memory: these requests are frequent and cheap, so they are counted per process without a round trip to Redis.
      pages: this.local.pages,
      probes: this.local.probes,
      // In memory: the count is per connection, and a connection belongs to one process.
      subscription_changes: this.local.subscription_changes,
    };
  }
}

const WINDOW = { points: Number.MAX_SAFE_INTEGER, duration: WINDOW_SECONDS };

function inMemory(): RateLimiterMemory {
  return new RateLimiterMemory(WINDOW);
}
