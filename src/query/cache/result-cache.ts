import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { Counter } from 'prom-client';
import { Metrics } from '../../platform/metrics/metrics.js';
import { RedisConnections } from '../../platform/redis/redis-connections.js';
import { ResultRows, type PackedRows } from '../core/result-rows.js';
import type { QueryResult } from '../execution/query-runner.js';

/** Longest lifetime of an answer, ms: values that were not published change no version. */
const LIFETIME_MS = 4_500;
/** Bytes of results kept in this process, with the texts of their pages. */
const MEMORY_BYTES = 64_000_000;
/** Largest result sent to Redis, bytes: fetching a larger one would take as long as running the query. */
const REDIS_BYTES = 500_000;
/** Largest memory of a result per byte of its text, roughly: a result that cannot fit is not even written. */
const MAX_BYTES_PER_TEXT = 8;

export type CacheState = 'hit' | 'miss' | 'off';

/**
 * Results by the hash of the question and the version of its dependencies, in this process and in Redis. Nothing is ever
 * invalidated: a changed version is another key.
 */
@Injectable()
export class ResultCache {
  private readonly memory = new LRUCache<string, QueryResult>({ maxSize: MEMORY_BYTES, ttl: LIFETIME_MS });
  private readonly hits: Counter;
  private readonly misses: Counter;

  constructor(
    private readonly redis: RedisConnections,
    metrics: Metrics,
  ) {
    const registers = [metrics.registry];
    this.hits = new Counter({ name: 'query_cache_hits_total', help: 'Queries answered from the cache.', registers });
    this.misses = new Counter({
      name: 'query_cache_misses_total',
      help: 'Queries not answered from the cache.',
      registers,
    });
  }

  /** Whether results are shared less than configured: Redis is configured and unavailable. */
  get degraded(): boolean {
    return this.redis.configured && this.redis.state !== 'up';
  }

  async find(key: string): Promise<QueryResult | undefined> {
    const found = this.memory.get(key) ?? (await this.fromRedis(key));
    (found === undefined ? this.misses : this.hits).inc();
    return found;
  }

  /** Keeps a result. `startedAt`: start of its reading, on the clock of `performance.now()`; its age counts from there. */
  keep(key: string, result: QueryResult, startedAt: number): void {
    const ttl = Math.floor(LIFETIME_MS - (performance.now() - startedAt));
    if (ttl <= 0) return;
    const size = sizeOf(result);
    this.memory.set(key, result, { ttl, size });
    if (this.redis.state !== 'up' || size > MAX_BYTES_PER_TEXT * REDIS_BYTES) return;
    const text = JSON.stringify(result);
    if (text.length > REDIS_BYTES) return;
    // Not awaited: a failure only costs a later request.
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
      this.memory.set(key, result, { ttl: Math.min(left, LIFETIME_MS), size: sizeOf(result) });
      return result;
    } catch {
      return undefined;
    }
  }
}

/** Returns the size of a result, at least 1: the cache accepts no size of 0. */
function sizeOf({ rows }: QueryResult): number {
  return Math.max(1, rows.bytes);
}
