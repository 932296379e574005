import { Injectable } from '@nestjs/common';
import { LRUCache } from 'lru-cache';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { Query } from '../core/ast.js';
import { dependenciesOf } from '../core/plan/dependencies.js';
import type { KeyValue } from '../core/sql/keyset.js';
import { canonicalQuery, hashOf, type PagePosition } from '../core/result/query-cursors.js';
import { queryDeadline, QueryRunner, type QueryResult } from '../execution/query-runner.js';
import { ResultCache, type CacheState } from './result-cache.js';
import { SingleFlight } from './single-flight.js';
import { VersionStamps } from './version-stamps.js';

interface CachedAnswer {
  readonly result: QueryResult;
  readonly cache: CacheState;
}

/** Time for which a query that exceeded a limit of size or time is refused without another run, ms. */
const REFUSAL_TTL_MS = 30_000;
const MAX_REFUSALS = 1_000;

/**
 * Runs a query once for all simultaneous requests, and not at all if its result is cached and nothing it depends on has
 * changed. A query that exceeds a limit only at run time is run once and then refused for `REFUSAL_TTL_MS`.
 */
@Injectable()
export class CachedRunner {
  private readonly flights = new SingleFlight<QueryResult>();
  private readonly refused = new LRUCache<string, DomainError>({ max: MAX_REFUSALS, ttl: REFUSAL_TTL_MS });

  constructor(
    private readonly runner: QueryRunner,
    private readonly cache: ResultCache,
    private readonly stamps: VersionStamps,
  ) {}

  async run(
    query: Query,
    owner: string,
    page: PagePosition | undefined,
    signal: AbortSignal,
    key = '',
  ): Promise<CachedAnswer> {
    const degraded = this.cache.degraded;
    const dependencies = dependenciesOf(query);
    const version = this.stamps.versionOf(dependencies);
    const question = this.questionOf(query, owner, page);
    const refusal = this.refused.get(question);
    if (refusal !== undefined) throw refusal;
    const found = degraded ? undefined : await this.cache.find(keyOf(query, question, version));
    if (found !== undefined) return { result: found, cache: 'hit' };
    const result = await this.flights.run(question, version, signal, async (shared, begin) => {
      const reading = { version, startedAt: performance.now() };
      const onStart = (): void => {
        // Set before any data is read: the data may be newer than this version, but never older.
        reading.version = this.stamps.versionOf(dependencies);
        reading.startedAt = performance.now();
        begin(reading.version);
      };
      const position = query.aggregations.length > 0 ? undefined : (page?.position as KeyValue[] | undefined);
      const context = { owner, key, signal: shared, deadline: queryDeadline(), range: page?.range, position, onStart };
      const answer = await this.runner.run(query, context).catch((error: unknown) => {
        if (error instanceof DomainError && error.code === 'limit_exceeded') this.refused.set(question, error);
        throw error;
      });
      if (!degraded) this.cache.keep(keyOf(query, question, reading.version), answer, reading.startedAt);
      return answer;
    });
    return { result, cache: degraded ? 'off' : 'miss' };
  }

  /**
   * Returns the key of a query without its version. All groups are one result, whatever page is requested; each page of rows
   * is a result of its own.
   */
  private questionOf(query: Query, owner: string, page: PagePosition | undefined): string {
    const asked = [canonicalQuery(query), page?.range ?? null, query.dataset === 'events' ? owner : null];
    return query.aggregations.length > 0 ? hashOf(...asked) : hashOf(...asked, query.limit, page?.position ?? null);
  }
}

/** Version of the format of results in Redis, which processes with different versions of this code may share. */
const FORMAT = 3;

function keyOf(query: Query, question: string, version: string): string {
  return `${query.aggregations.length > 0 ? 'aggregation' : 'query_result'}:${hashOf(FORMAT, question, version)}`;
}
