import { Injectable, type OnModuleInit } from '@nestjs/common';
import { Histogram } from 'prom-client';
import type { Caller } from '../access/index.js';
import { EventFeed } from '../events/index.js';
import { isoTime } from '../platform/input/time.js';
import { eachInSlices } from '../platform/loop/slices.js';
import { metricOf } from '../platform/metrics/metric-of.js';
import { Metrics } from '../platform/metrics/metrics.js';
import type { QueryMeta, QueryPlan, QuerySpan } from './query.dto.js';
import type { Query } from './core/ast.js';
import { groupPage } from './core/result/group-pages.js';
import { QueryCursors, type PagePosition } from './core/result/query-cursors.js';
import { ResultRows } from './core/result/result-rows.js';
import type { Span } from './core/plan/plan.js';
import { asksForNames, warningsOf, type QueryWarning } from './core/plan/warnings.js';
import { CachedRunner } from './cache/cached-runner.js';
import type { CacheState } from './cache/result-cache.js';
import { Freshness } from './cache/freshness.js';
import { PresentNames } from './execution/present-names.js';
import { queryDeadline, QueryRunner, type Explanation, type QueryResult } from './execution/query-runner.js';
import { type PageInfo } from '../platform/http/paging/page.dto.js';
import { pageInfo } from '../platform/http/paging/page.js';

/** Answer that refers to the rows of a result from index `from` up to, but excluding, `to`. */
export interface AnsweredQuery {
  readonly rows: ResultRows;
  readonly from: number;
  readonly to: number;
  readonly page: PageInfo;
  readonly meta: QueryMeta;
  readonly explain?: QueryPlan;
}

/** Answers queries: waits for the position in `at_least`, looks into the cache, runs the query, and selects the page. */
@Injectable()
export class QueryService implements OnModuleInit {
  private readonly durations: Histogram<'cache'>;
  private cursors = new QueryCursors('');

  constructor(
    private readonly feed: EventFeed,
    private readonly freshness: Freshness,
    private readonly runner: QueryRunner,
    private readonly cached: CachedRunner,
    private readonly names: PresentNames,
    metrics: Metrics,
  ) {
    this.durations = new Histogram({
      ...metricOf('query_duration_seconds'),
      registers: [metrics.registry],
    });
  }

  async onModuleInit(): Promise<void> {
    this.cursors = new QueryCursors(await this.runner.cursorKey());
  }

  async answer(query: Query, caller: Caller, signal: AbortSignal): Promise<AnsweredQuery> {
    const startedAt = performance.now();
    const page = this.cursors.decode(query);
    await this.freshness.reach(query.atLeast, signal);
    if (query.explain) {
      const asked = { owner: caller.userId, key: caller.keyId, signal, deadline: queryDeadline(), range: page?.range };
      return await this.explained(query, await this.runner.explain(query, asked), startedAt);
    }
    const cursor = this.feed.cursor();
    const { result, cache } = await this.cached.run(query, caller.userId, page, signal, caller.keyId);
    this.durations.observe({ cache }, (performance.now() - startedAt) / 1_000);
    const { from, to, next } = this.pageOf(query, result, page);
    const warnings = await this.warnings(query);
    return {
      rows: result.rows,
      from,
      to,
      page: pageInfo(next ?? null),
      meta: { ...metaOf(result, cache, startedAt), ...warnings, cursor },
    };
  }

  private async warnings(query: Query): Promise<Pick<QueryMeta, 'warnings'>> {
    const known = asksForNames(query) ? await this.names.all() : undefined;
    const warnings: QueryWarning[] = [];
    await eachInSlices(warningsOf(query, known), (warning) => {
      if (warning !== undefined) warnings.push(warning);
    });
    return warnings.length === 0 ? {} : { warnings };
  }

  private pageOf(query: Query, result: QueryResult, page: PagePosition | undefined) {
    const { from, to, next } =
      query.aggregations.length > 0
        ? groupPage(query, result.rows, page?.position)
        : { from: 0, to: result.rows.length, next: result.next };
    return {
      from,
      to,
      next: next && this.cursors.encode(query, { position: next, range: result.range }),
    };
  }

  private async explained(
    query: Query,
    { plan, cost, binned }: Explanation,
    startedAt: number,
  ): Promise<AnsweredQuery> {
    const { range, levels, sources } = plan;
    const explain: QueryPlan = {
      source: sources.join('+'),
      ...(range && { range: span(range) }),
      ...(levels?.days && { daily: span(levels.days) }),
      ...(levels?.hours && { hourly: span(levels.hours) }),
      percentiles: binned ? 'binned' : 'exact',
      estimated_rows: cost.rows,
      class: cost.heavy ? 'heavy' : 'light',
    };
    const meta = {
      as_of: isoTime(plan.now),
      took_ms: tookMs(startedAt),
      cache: 'off' as const,
      source: explain.source,
    };
    return {
      rows: ResultRows.of([], []),
      from: 0,
      to: 0,
      page: pageInfo(null),
      meta: { ...meta, ...(await this.warnings(query)), cursor: this.feed.cursor() },
      explain,
    };
  }
}

function metaOf(result: QueryResult, cache: CacheState, startedAt: number) {
  return {
    as_of: isoTime(result.asOf),
    took_ms: tookMs(startedAt),
    cache,
    source: result.source,
    ...(result.covered && { range: span(result.covered) }),
    ...(result.state && { points_as_of: result.state }),
    ...(result.excluded === undefined ? {} : { excluded: result.excluded }),
    ...(result.relativeError === undefined ? {} : { relative_error: result.relativeError }),
  };
}

function span({ from, to }: Span): QuerySpan {
  return { from: isoTime(from), to: isoTime(to) };
}

function tookMs(startedAt: number): number {
  return Math.round((performance.now() - startedAt) * 100) / 100;
}
