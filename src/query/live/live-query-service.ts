import { createHash } from 'node:crypto';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Caller } from '../../access/index.js';
import { EventFeed, type LogEvent } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { asDomainError, type SocketError } from '../../platform/errors/domain-error.js';
import {
  LiveQueryRunner,
  type LiveQueryHandle,
  type LiveQueryOptions,
  type LiveQuerySink,
} from '../../realtime/index.js';
import { dependenciesOf } from '../core/plan/dependencies.js';
import type { DatasetName } from '../core/ast.js';
import { LiveBudget } from './live-budget.js';
import { LiveExecutor } from './live-executor.js';
import { LiveMetrics } from './live-metrics.js';
import { LiveQuery } from './live-query.js';
import { LiveTurns } from './live-turns.js';
import { QueryIndex } from './query-index.js';
import { RowWatch } from './row-watch.js';

const DEFAULT_INTERVAL_MS = 250;
/** Interval at which due queries are started and results are sent, ms. The timer runs only while there is such work. */
const WORK_INTERVAL_MS = 20;
/** Interval of runs for answers that change with time alone, ms. */
const TIME_REFRESH_INTERVAL_MS = 60_000;

/**
 * Live queries. Each distinct query runs at most once per interval for all its followers, and only if an event can have
 * changed its answer. Any number of events within an interval cause one run.
 */
@Injectable()
export class LiveQueryService extends LiveQueryRunner implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('LiveQueries');
  private readonly queries = new Map<string, LiveQuery>();
  private readonly index = new QueryIndex();
  /** Queries for which a run is due or a result must be sent. */
  private readonly pending = new Set<LiveQuery>();
  private readonly ends: (() => void)[] = [];
  private workTimer: NodeJS.Timeout | undefined;
  private readonly turns = new LiveTurns();
  private readonly budget = new LiveBudget();
  /** Queries of current rows, by dataset; they also show changes that are too small to be events. */
  private readonly ofRows = new Map<LiveQuery, DatasetName>();
  private refreshedAt = 0;

  constructor(
    private readonly feed: EventFeed,
    private readonly executor: LiveExecutor,
    private readonly metrics: LiveMetrics,
    private readonly clock: Clock,
    private readonly rows: RowWatch,
  ) {
    super();
  }

  onApplicationBootstrap(): void {
    this.rows.start({
      isInterested: () => this.ofRows.size > 0,
      rowsChanged: (datasets: readonly DatasetName[]) => {
        for (const [live, dataset] of this.ofRows) if (datasets.includes(dataset)) this.touch(live, this.clock.now());
      },
    });
    this.ends.push(
      this.feed.subscribe((batch) => this.receive(batch)),
      this.feed.onEpochChange(() => this.touchAll()),
    );
  }

  async beforeApplicationShutdown(): Promise<void> {
    for (const end of this.ends) end();
    clearInterval(this.workTimer);
    this.executor.stop();
    this.pending.clear();
    this.queries.clear();
    await this.rows.stop();
  }

  override open(
    body: unknown,
    caller: Caller,
    { intervalMs = DEFAULT_INTERVAL_MS }: LiveQueryOptions,
  ): LiveQueryHandle {
    const query = this.executor.parse(body);
    // Only events can have an owner; answers of all other datasets are the same for every user.
    const scope = query.dataset === 'events' ? caller.userId : '';
    const id = `q${hashOf([query, intervalMs, scope])}`;
    const rows = this.executor.rowsOf(query);
    this.budget.check(caller.keyId, id, rows);
    let sink: LiveQuerySink | undefined;
    let isClosed = false;
    return {
      id,
      start: (to) => {
        if (isClosed) return;
        sink = to;
        this.budget.add(caller.keyId, id, rows);
        const live = this.queries.get(id) ?? this.begin(id, query, intervalMs, caller);
        live.follow(to);
        this.await(live);
      },
      close: () => {
        if (isClosed) return;
        isClosed = true;
        if (sink) this.budget.remove(caller.keyId, id);
        const live = this.queries.get(id);
        if (!sink || !live) return;
        live.leave(sink);
        if (!live.isFollowed) this.end(live);
      },
    };
  }

  private begin(id: string, query: ReturnType<LiveExecutor['parse']>, intervalMs: number, caller: Caller): LiveQuery {
    const execute = (signal: AbortSignal) => this.executor.run(query, caller, this.feed.cursor(), signal);
    const live = new LiveQuery(id, dependenciesOf(query), intervalMs, execute, caller.keyId);
    this.queries.set(id, live);
    if (query.time === undefined && query.dataset !== 'events') this.watchRows(live, query.dataset);
    this.index.add(live);
    this.metrics.open.set(this.queries.size);
    return live;
  }

  private end(live: LiveQuery): void {
    live.end();
    this.queries.delete(live.id);
    this.index.remove(live);
    this.ofRows.delete(live);
    this.pending.delete(live);
    this.metrics.open.set(this.queries.size);
  }

  private watchRows(live: LiveQuery, dataset: DatasetName): void {
    this.ofRows.set(live, dataset);
    this.rows.wake();
  }

  private receive(batch: readonly LogEvent[]): void {
    if (this.queries.size === 0) return;
    const now = this.clock.now();
    for (const event of batch) {
      if (event.type === 'tick') this.refreshMoving(now);
      else this.index.forAffected(event, (live) => this.touch(live, now));
    }
  }

  private touch(live: LiveQuery, now: number): void {
    live.touch(now);
    this.await(live);
  }

  private touchAll(): void {
    for (const live of this.queries.values()) this.touch(live, this.clock.now());
  }

  /** Called at each tick of the log (one every 10 s), its only clock. */
  private refreshMoving(now: number): void {
    if (now - this.refreshedAt < TIME_REFRESH_INTERVAL_MS) return;
    this.refreshedAt = now;
    for (const live of this.queries.values()) if (live.dependencies.movesWithTime) this.touch(live, now);
  }

  private await(live: LiveQuery): void {
    this.pending.add(live);
    this.workTimer ??= setInterval(() => this.work(), WORK_INTERVAL_MS);
  }

  /** Sends available results and starts due queries, fairly among keys. */
  private work(): void {
    const now = this.clock.now();
    const due: LiveQuery[] = [];
    for (const live of this.pending) {
      live.sendResults();
      if (live.isDue(now)) due.push(live);
      else if (!live.hasWork) this.pending.delete(live);
    }
    for (const live of this.turns.choose(due)) void this.refresh(live, now);
    if (this.pending.size > 0) return;
    clearInterval(this.workTimer);
    this.workTimer = undefined;
  }

  private async refresh(live: LiveQuery, now: number): Promise<void> {
    this.turns.begin(live);
    const startedAt = performance.now();
    const waitedSince = live.dirtySince ?? now;
    try {
      await live.refresh(now);
      this.metrics.shown.observe((this.clock.now() - waitedSince) / 1_000);
    } catch (caught) {
      if (live.isEnded) return;
      const error = asDomainError(caught);
      this.logger.warn({ code: error.code, err: error, query: live.id }, 'run of a live query failed');
      if (!error.retryable) this.fail(live, error.toSocket());
    } finally {
      this.turns.end(live, performance.now() - startedAt);
      if (this.pending.size > 0) setImmediate(() => this.work());
    }
  }

  /** Ends a query that cannot be answered without a change, for example because it has too many groups. */
  private fail(live: LiveQuery, error: SocketError): void {
    for (const sink of live.sinks()) sink.fail(error);
    this.end(live);
  }
}

/** Returns a hash of 16 hexadecimal digits, enough to distinguish the queries of one server. */
function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
