import { randomUUID } from 'node:crypto';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { PODS_TAG } from './cluster-subscriber.js';
import { RedisConnections } from './redis-connections.js';

const BEAT_INTERVAL_MS = 1_000;
/** Time without a sign of life after which a process counts as ended, ms. By the clock of Redis, the same for all. */
export const SILENCE_MS = 5_000;
/** Time for which ended processes stay listed, ms, for those that clean up after them. */
const REMEMBERED_MS = 3_600_000;

/**
 * KEYS: the pods. ARGV: pod, silence, time for which a silent one stays listed. Returns whether the pod was silent, and the
 * live ones.
 */
const BEAT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local lapsed = (not before or now - before > tonumber(ARGV[2])) and 1 or 0
return {lapsed, redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[2], '+inf')}`;

/** KEYS: the pods. ARGV: least time of their silence, ms. */
const SILENT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])`;

/** Live processes of this deployment: each reports once a second. Without Redis there is only this one. */
@Injectable()
export class Pods implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  /** Id of this process among the others, for as long as it runs. */
  readonly id: string = randomUUID();
  private readonly logger = new Logger(Pods.name);
  private readonly lapses = new Set<() => void>();
  private present: readonly string[] = [];
  private timer: NodeJS.Timeout | undefined;
  private unwatch: (() => void) | undefined;
  private leaving = false;

  constructor(private readonly redis: RedisConnections) {}

  /** Other processes with a sign of life in the last 5 s; none while Redis is unavailable. */
  get others(): readonly string[] {
    return this.redis.state === 'up' ? this.present : [];
  }

  /**
   * Key of the sorted set of pods, by their last sign of life. Keys that one script uses with it begin with the same `{pods}`,
   * so that a cluster keeps them together.
   */
  get seenKey(): string {
    return this.redis.key(`${PODS_TAG}:seen`);
  }

  /**
   * Calls the listener when this process counted as ended, or Redis restarted empty: the data that it published about itself
   * may have been removed. Also called at the first beat.
   */
  onLapse(listener: () => void): () => void {
    const entry = (): void => listener();
    this.lapses.add(entry);
    return () => this.lapses.delete(entry);
  }

  /** Returns processes without a sign of life for at least `ms` that did not leave in order. */
  async silentFor(ms: number): Promise<string[]> {
    const answer = await this.redis.commands().eval(SILENT, 1, this.seenKey, String(ms));
    return (answer as string[]).filter((id) => id !== this.id);
  }

  /** Removes a process after it was cleaned up. */
  async forget(id: string): Promise<void> {
    await this.redis.commands().zrem(this.seenKey, id);
  }

  /** Reports before anything is served, so that the others never see data of an unknown process. */
  async onModuleInit(): Promise<void> {
    if (!this.redis.configured) return;
    this.unwatch = this.redis.onState((state) => void (state === 'up' && this.beat()));
    await this.beat();
    this.timer = setInterval(() => void this.beat(), BEAT_INTERVAL_MS);
  }

  /** Deregisters: the others need not wait 5 s for a process that stops in order. */
  async beforeApplicationShutdown(): Promise<void> {
    this.leaving = true;
    clearInterval(this.timer);
    if (this.redis.state !== 'up') return;
    await this.redis
      .commands()
      .zrem(this.seenKey, this.id)
      .catch((error: unknown) =>
        this.logger.debug({ reason: String(error) }, 'could not deregister this process; its entry will expire'),
      );
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
    this.unwatch?.();
  }

  private async beat(): Promise<void> {
    if (this.redis.state !== 'up' || this.leaving) return;
    try {
      const answer = await this.redis
        .commands()
        .eval(BEAT, 1, this.seenKey, this.id, String(SILENCE_MS), String(REMEMBERED_MS));
      const [lapsed, present] = answer as [number, string[]];
      this.present = present.filter((id) => id !== this.id);
      if (lapsed === 1) for (const listener of this.lapses) listener();
    } catch (error) {
      this.logger.debug({ reason: String(error) }, 'could not report this process as alive');
    }
  }
}
