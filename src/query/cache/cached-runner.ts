import { Injectable } from '@nestjs/common';
import type { Query } from '../core/ast.js';
import { dependenciesOf } from '../core/dependencies.js';
import type { KeyValue } from '../core/keyset.js';
import { canonicalQuery, hashOf, type PagePosition } from '../core/page-cursor.js';
import { queryDeadline, QueryRunner, type QueryResult } from '../execution/query-runner.js';
import { ResultCache, type CacheState } from './result-cache.js';
import { SingleFlight } from './single-flight.js';
import { VersionStamps } from './version-stamps.js';

export interface CachedAnswer {
  readonly result: QueryResult;
  readonly cache: CacheState;
}

/** Runs a query once for all who ask it at the same time, and not at all while nothing it depends on has changed. */
@Injectable()
export class CachedRunner {
  private readonly flights = new SingleFlight<QueryResult>();

  constructor(
    private readonly runner: QueryRunner,
    private readonly cache: ResultCache,
    private readonly stamps: VersionStamps,
  ) {}

  async run(query: Query, owner: string, page: PagePosition | undefined, signal: AbortSignal): Promise<CachedAnswer> {
    const degraded = this.cache.degraded;
    // The version is taken before anything is read: what is read may be newer than its key says, never older.
    const key = this.keyOf(query, owner, page);
    const found = degraded ? undefined : await this.cache.find(key);
    if (found !== undefined) return { result: found, cache: 'hit' };
    const result = await this.flights.run(key, signal, async (shared) => {
      const startedAt = performance.now();
      const context = { owner, signal: shared, deadline: queryDeadline(), range: page?.range };
      const position = query.aggregations.length > 0 ? undefined : (page?.position as KeyValue[] | undefined);
      const answer = await this.runner.run(query, { ...context, position });
      if (!degraded) this.cache.keep(key, answer, startedAt);
      return answer;
    });
    return { result, cache: degraded ? 'off' : 'miss' };
  }

  /** All groups are one result, whatever page is asked; a page of rows is one of its own. */
  private keyOf(query: Query, owner: string, page: PagePosition | undefined): string {
    const version = this.stamps.versionOf(dependenciesOf(query));
    const asked = [canonicalQuery(query), version, page?.range ?? null, query.dataset === 'events' ? owner : null];
    return query.aggregations.length > 0
      ? `aggregation:${hashOf(...asked)}`
      : `query_result:${hashOf(...asked, query.limit, page?.position ?? null)}`;
  }
}
