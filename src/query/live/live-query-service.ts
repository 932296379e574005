import { createHash } from 'node:crypto';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import type { Caller } from '../../access/index.js';
import { EventFeed, type LogEvent } from '../../events/index.js';
import { Clock } from '../../platform/clock/clock.js';
import { asDomainError, type SocketError } from '../../platform/errors/domain-error.js';
import {
  RealtimeHub,
  type LiveQueryHandle,
  type LiveQueryOptions,
  type LiveQueryRunner,
  type LiveQuerySink,
} from '../../realtime/index.js';
import { dependenciesOf } from '../core/dependencies.js';
import { LIVE_AT_ONCE } from '../execution/query-pool.js';
import { LiveExecutor } from './live-executor.js';
import { LiveMetrics } from './live-metrics.js';
import { LiveQuery } from './live-query.js';
import { QueryIndex } from './query-index.js';

const DEFAULT_INTERVAL_MS = 250;
/** The beat runs only while something waits, so an idle server does nothing. */
const BEAT_MS = 20;
/** What moves with time alone is looked at this often. */
const TIME_REFRESH_MS = 60_000;

/**
 * Live queries: one execution per distinct query and interval for all its followers, run again only when an event of the log
 * can change the answer. Events of any number of changes within an interval cost one execution.
 */
@Injectable()
export class LiveQueryService implements LiveQueryRunner, OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger('LiveQueries');
  private readonly queries = new Map<string, LiveQuery>();
  private readonly index = new QueryIndex();
  /** Queries with something to do: to be run, or a result to be sent. */
  private readonly pending = new Set<LiveQuery>();
  private readonly ends: (() => void)[] = [];
  private beat: NodeJS.Timeout | undefined;
  private running = 0;
  private refreshedAt = 0;

  constructor(
    private readonly hub: RealtimeHub,
    private readonly feed: EventFeed,
    private readonly executor: LiveExecutor,
    private readonly metrics: LiveMetrics,
    private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.hub.queries.serve(this);
    this.ends.push(
      this.feed.subscribe((batch) => this.receive(batch)),
      this.feed.onEpochChange(() => this.touchAll()),
    );
  }

  beforeApplicationShutdown(): void {
    for (const end of this.ends) end();
    clearInterval(this.beat);
    this.executor.stop();
    this.pending.clear();
    this.queries.clear();
  }

  open(body: unknown, caller: Caller, { intervalMs = DEFAULT_INTERVAL_MS }: LiveQueryOptions): LiveQueryHandle {
    const query = this.executor.parse(body);
    // Only events can belong to somebody; all other answers are the same for everyone.
    const scope = query.dataset === 'events' ? caller.userId : '';
    const id = `q${hashOf([query, intervalMs, scope])}`;
    let sink: LiveQuerySink | undefined;
    let isClosed = false;
    return {
      id,
      start: (to) => {
        if (isClosed) return;
        sink = to;
        const live = this.queries.get(id) ?? this.begin(id, query, intervalMs, caller);
        live.follow(to);
        this.await(live);
      },
      close: () => {
        isClosed = true;
        const live = this.queries.get(id);
        if (!sink || !live) return;
        live.leave(sink);
        if (!live.isFollowed) this.end(live);
      },
    };
  }

  private begin(id: string, query: ReturnType<LiveExecutor['parse']>, intervalMs: number, caller: Caller): LiveQuery {
    const execute = (signal: AbortSignal) => this.executor.run(query, caller, this.feed.cursor(), signal);
    const live = new LiveQuery(id, dependenciesOf(query), intervalMs, execute);
    this.queries.set(id, live);
    this.index.add(live);
    this.metrics.open.set(this.queries.size);
    return live;
  }

  private end(live: LiveQuery): void {
    live.end();
    this.queries.delete(live.id);
    this.index.remove(live);
    this.pending.delete(live);
    this.metrics.open.set(this.queries.size);
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

  /** The log's ticks, one every 10 s, are the only clock. */
  private refreshMoving(now: number): void {
    if (now - this.refreshedAt < TIME_REFRESH_MS) return;
    this.refreshedAt = now;
    for (const live of this.queries.values()) if (live.dependencies.movesWithTime) this.touch(live, now);
  }

  private await(live: LiveQuery): void {
    this.pending.add(live);
    this.beat ??= setInterval(() => this.work(), BEAT_MS);
  }

  /** Results that are there are sent; due queries are run, the one that has waited longest first. */
  private work(): void {
    const now = this.clock.now();
    const due: LiveQuery[] = [];
    for (const live of this.pending) {
      live.sendResults();
      if (live.isDue(now)) due.push(live);
      else if (!live.hasWork) this.pending.delete(live);
    }
    due.sort((a, b) => (a.dirtySince ?? 0) - (b.dirtySince ?? 0));
    for (const live of due.slice(0, LIVE_AT_ONCE - this.running)) void this.refresh(live, now);
    if (this.pending.size > 0) return;
    clearInterval(this.beat);
    this.beat = undefined;
  }

  private async refresh(live: LiveQuery, now: number): Promise<void> {
    this.running++;
    const waitedSince = live.dirtySince ?? now;
    try {
      await live.refresh(now);
      this.metrics.shown.observe((this.clock.now() - waitedSince) / 1_000);
    } catch (caught) {
      if (live.isEnded) return;
      const error = asDomainError(caught);
      this.logger.warn({ code: error.code, reason: error.message, query: live.id }, 'Live query not refreshed');
      if (!error.retryable) this.fail(live, error.toSocket());
    } finally {
      this.running--;
      if (this.pending.size > 0) setImmediate(() => this.work());
    }
  }

  /** It can never be answered as it stands: more groups than allowed, for one. */
  private fail(live: LiveQuery, error: SocketError): void {
    for (const sink of live.sinks()) sink.fail(error);
    this.end(live);
  }
}

/** 16 hexadecimal digits: enough to tell the queries of one server apart. */
function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 16);
}
