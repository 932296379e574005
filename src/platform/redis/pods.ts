import { randomUUID } from 'node:crypto';
import {
  Injectable,
  Logger,
  type BeforeApplicationShutdown,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import type { BackgroundLoop } from '../process/background-loop.js';
import { BackgroundLoops } from '../process/background-loops.js';
import { PODS_TAG } from './cluster-subscriber.js';
import { RedisConnections } from './redis-connections.js';

const HEARTBEAT_INTERVAL_MS = 1_000;
/**
 * Time after its last heartbeat after which a process counts as ended, ms, by the clock of Redis, which all processes share.
 */
export const SILENCE_TIMEOUT_MS = 5_000;
/** Time for which ended processes stay listed, ms, so that others can remove their data. */
const ENDED_POD_TTL_MS = 3_600_000;

/**
 * Heartbeat. KEYS: the sorted set of pods. ARGV: id of the pod, ms of silence after which a pod counts as ended, ms for
 * which a silent pod stays listed. Returns whether this pod had counted as ended, and the ids of the live pods.
 */
const HEARTBEAT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local before = redis.call('ZSCORE', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now, ARGV[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
local lapsed = (not before or now - before > tonumber(ARGV[2])) and 1 or 0
return {lapsed, redis.call('ZRANGEBYSCORE', KEYS[1], now - ARGV[2], '+inf')}`;

/** Returns the ids of silent pods. KEYS: the sorted set of pods. ARGV: least duration of the silence, ms. */
const SILENT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])`;

/**
 * Live processes of this deployment: each sends a heartbeat to Redis once a second. Without Redis, this process is the only
 * one.
 */
@Injectable()
export class Pods implements OnModuleInit, BeforeApplicationShutdown, OnApplicationShutdown {
  /** Id of this process, unique in the deployment; new at each start. */
  readonly id: string = randomUUID();
  private readonly logger = new Logger(Pods.name);
  private readonly lapses = new Set<() => void>();
  private present: readonly string[] = [];
  private readonly loop: BackgroundLoop;
  private unwatch: (() => void) | undefined;

  constructor(
    private readonly redis: RedisConnections,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'pod_heartbeat',
      intervalMs: HEARTBEAT_INTERVAL_MS,
      isDelayed: true,
      logLevel: 'debug',
      run: () => this.sendHeartbeat(),
    });
  }

  /** Ids of other processes with a heartbeat in the last 5 s; empty while Redis is unavailable. */
  get others(): readonly string[] {
    return this.redis.state === 'up' ? this.present : [];
  }

  /**
   * Key of the sorted set of pods, scored by their last heartbeat. Other keys that a script uses together with it must begin
   * with the same `{pods}`, so that a cluster stores them in the same slot.
   */
  get seenKey(): string {
    return this.redis.key(`${PODS_TAG}:seen`);
  }

  /**
   * Calls the listener at the first heartbeat, and whenever this process had counted as ended or Redis restarted empty: data
   * that it published about itself may then have been removed.
   */
  onLapse(listener: () => void): () => void {
    const entry = (): void => listener();
    this.lapses.add(entry);
    return () => this.lapses.delete(entry);
  }

  /** Returns the processes without a heartbeat for at least `ms` that did not deregister. */
  async silentFor(ms: number): Promise<string[]> {
    const answer = await this.redis.commands().eval(SILENT, 1, this.seenKey, String(ms));
    return (answer as string[]).filter((id) => id !== this.id);
  }

  /** Removes an ended process from the list after its data was removed. */
  async forget(id: string): Promise<void> {
    await this.redis.commands().zrem(this.seenKey, id);
  }

  /**
   * Sends the first heartbeat before the process serves clients, so that other processes never see data of an unlisted one.
   */
  async onModuleInit(): Promise<void> {
    if (!this.redis.configured) return;
    this.unwatch = this.redis.onState((state) => state === 'up' && this.loop.ring());
    await this.sendHeartbeat().catch(() => undefined);
    this.loop.start();
  }

  /** Deregisters this process, so that the others need not wait 5 s until it counts as ended. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.loop.stop();
    if (this.redis.state !== 'up') return;
    await this.redis
      .commands()
      .zrem(this.seenKey, this.id)
      .catch((error: unknown) =>
        this.logger.debug({ err: error }, 'deregistration of this process failed; its entry will expire'),
      );
  }

  onApplicationShutdown(): void {
    void this.loop.stop();
    this.unwatch?.();
  }

  private async sendHeartbeat(): Promise<void> {
    if (this.redis.state !== 'up') return;
    const answer = await this.redis
      .commands()
      .eval(HEARTBEAT, 1, this.seenKey, this.id, String(SILENCE_TIMEOUT_MS), String(ENDED_POD_TTL_MS));
    const [lapsed, present] = answer as [number, string[]];
    this.present = present.filter((id) => id !== this.id);
    if (lapsed === 1) for (const listener of this.lapses) listener();
  }
}
