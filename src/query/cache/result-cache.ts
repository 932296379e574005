import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Counter } from 'prom-client';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { RedisConnections } from '../../platform/redis/redis-connections.js';
import { ResultRows, type PackedRows } from '../core/result/result-rows.js';
import type { QueryResult } from '../execution/query-runner.js';

/**
 * Longest lifetime of a result, ms. It bounds the age of values that were never published, whose changes do not change the
 * version.
 */
const RESULT_TTL_MS = 4_500;
/** Maximum total size of the results in this process, including the texts of their pages, bytes. */
const MEMORY_BYTES = 64_000_000;
/** Largest result that is stored in Redis, bytes; fetching a larger one would take as long as running the query. */
const REDIS_BYTES = 500_000;
/**
 * Largest memory of a result per byte of its JSON; a result with more memory than this times `REDIS_BYTES` need not be
 * serialised, because its JSON would be too long.
 */
const MAX_BYTES_PER_TEXT = 8;

export type CacheState = 'hit' | 'miss' | 'off';

/**
 * Query results by a hash of the query and the version of its dependencies, in this process and in Redis. Nothing needs to
 * be invalidated: a changed version gives another key.
 */
@Injectable()
export class ResultCache {
  private readonly memory = new LRUCache<string, QueryResult>({ maxSize: MEMORY_BYTES, ttl: RESULT_TTL_MS });
  private readonly hits: Counter;
  private readonly misses: Counter;

  constructor(
    private readonly redis: RedisConnections,
    metrics: Metrics,
  ) {
    const registers = [metrics.registry];
    this.hits = new Counter({
      ...metricOf('query_cache_hits_total'),
      registers,
    });
    this.misses = new Counter({
      ...metricOf('query_cache_misses_total'),
      registers,
    });
  }

  /** Whether Redis is configured but unavailable, so that results are not shared as configured. */
  get degraded(): boolean {
    return this.redis.configured && this.redis.state !== 'up';
  }

  async find(key: string): Promise<QueryResult | undefined> {
    const found = this.memory.get(key) ?? (await this.fromRedis(key));
    (found === undefined ? this.misses : this.hits).inc();
    return found;
  }

  /** Stores a result. `startedAt`: `performance.now()` when its reading began; its age is counted from then. */
  keep(key: string, result: QueryResult, startedAt: number): void {
    const ttl = Math.floor(RESULT_TTL_MS - (performance.now() - startedAt));
    if (ttl <= 0) return;
    const size = sizeOf(result);
    this.memory.set(key, result, { ttl, size });
    if (this.redis.state !== 'up' || size > MAX_BYTES_PER_TEXT * REDIS_BYTES) return;
    const text = JSON.stringify(result);
    if (text.length > REDIS_BYTES) return;
    // Not awaited: after a failure, a later request runs the query again.
    void this.redis
      .commands()
      .set(this.redis.key(key), text, 'PX', ttl)
      .catch(() => undefined);
  }

  private async fromRedis(key: string): Promise<QueryResult | undefined> {
    if (this.redis.state !== 'up') return undefined;
    try {
      const commands = this.redis.commands();
      const name = this.redis.key(key);
      const [text, left] = await Promise.all([commands.get(name), commands.pttl(name)]);
      if (text === null || left <= 0) return undefined;
      const packed = JSON.parse(text) as Omit<QueryResult, 'rows'> & { rows: PackedRows };
      const result = { ...packed, rows: ResultRows.unpack(packed.rows) };
      this.memory.set(key, result, { ttl: Math.min(left, RESULT_TTL_MS), size: sizeOf(result) });
      return result;
    } catch {
      return undefined;
    }
  }
}

/** Returns the size of a result; at least 1, because the cache does not accept a size of 0. */
function sizeOf({ rows }: QueryResult): number {
  return Math.max(1, rows.bytes);
}
