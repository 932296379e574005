import { SharedMessage, type LiveQueryBody, type LiveQuerySink } from '../../realtime/index.js';
import type { Dependencies } from '../core/dependencies.js';
import { clientLeft } from '../../platform/http/leaving.js';
import { ResultImage, type KeyedRow, type ResultDiff } from '../core/result-diff.js';

/** Answer: its rows, and the position of the log that they show at least. */
export interface LiveResult {
  readonly rows: readonly KeyedRow[];
  readonly cursor: string;
}

/** Longest pause between attempts, which grow while the database is unavailable, ms. */
const MAX_PAUSE_MS = 10_000;

/**
 * Distinct query with all its followers. It runs once for all of them; each receives the changes since its last message. A
 * follower that reads too slowly is left out, and receives the whole result once it has caught up.
 */
export class LiveQuery {
  /** Time since which an event waits to be shown, Unix milliseconds; undefined: the newest answer shows everything. */
  dirtySince: number | undefined = 0;
  startedAt = 0;
  isRunning = false;
  private failures = 0;
  private shown: LiveResult | undefined;
  private image = new ResultImage([]);
  private readonly current = new Set<LiveQuerySink>();
  /** Sinks that have not received a result yet, or have missed a change. */
  private readonly waiting = new Set<LiveQuerySink>();
  private readonly ending = new AbortController();

  constructor(
    readonly id: string,
    readonly dependencies: Dependencies,
    readonly intervalMs: number,
    private readonly execute: (signal: AbortSignal) => Promise<LiveResult>,
    /** API key of the first follower, to whose account the query runs. */
    readonly key = '',
  ) {}

  get hasShown(): boolean {
    return this.shown !== undefined;
  }

  get isFollowed(): boolean {
    return this.current.size + this.waiting.size > 0;
  }

  get isEnded(): boolean {
    return this.ending.signal.aborted;
  }

  /** Whether a run is in progress or due, or a result has to be sent. */
  get hasWork(): boolean {
    return this.isRunning || this.dirtySince !== undefined || this.waiting.size > 0;
  }

  /** Returns the sinks of all followers. */
  sinks(): LiveQuerySink[] {
    return [...this.current, ...this.waiting];
  }

  follow(sink: LiveQuerySink): void {
    this.waiting.add(sink);
  }

  leave(sink: LiveQuerySink): void {
    this.current.delete(sink);
    this.waiting.delete(sink);
  }

  /** Ends a query without followers: a running execution only takes the place of others. */
  end(): void {
    this.ending.abort(clientLeft());
  }

  touch(now: number): void {
    this.dirtySince ??= now;
  }

  isDue(now: number): boolean {
    const pause = Math.min(this.intervalMs * 2 ** this.failures, MAX_PAUSE_MS);
    return !this.isRunning && this.dirtySince !== undefined && now - this.startedAt >= pause;
  }

  /** Runs the query and notifies its followers. Rejects when it could not be run; the waiting events then still wait. */
  async refresh(now: number): Promise<void> {
    const waited = this.dirtySince;
    this.isRunning = true;
    this.startedAt = now;
    this.dirtySince = undefined;
    try {
      this.show(await this.execute(this.ending.signal));
      this.failures = 0;
    } catch (error) {
      this.failures++;
      this.dirtySince = waited ?? now;
      throw error;
    } finally {
      this.isRunning = false;
    }
  }

  /** Sends the result to waiting followers that have room for it. */
  sendResults(): void {
    const { shown } = this;
    if (!shown || this.waiting.size === 0) return;
    const message = this.message('query_result', { rows: shown.rows, cursor: shown.cursor });
    for (const sink of this.waiting) {
      if (sink.isBehind()) continue;
      this.waiting.delete(sink);
      this.current.add(sink);
      sink.send(message);
    }
  }

  private message(
    name: 'query_result' | 'query_change',
    body: Pick<LiveResult, 'cursor'> & (ResultDiff | LiveResult),
  ): SharedMessage<LiveQueryBody> {
    return new SharedMessage<LiveQueryBody>(name, { subscriptionId: this.id, ...body });
  }

  private show(result: LiveResult): void {
    const image = new ResultImage(result.rows);
    const diff = this.shown && this.image.diff(result.rows, image);
    this.shown = result;
    this.image = image;
    if (diff) this.sendChange({ ...diff, cursor: result.cursor });
    this.sendResults();
  }

  private sendChange(body: ResultDiff & { cursor: string }): void {
    const message = this.message('query_change', body);
    for (const sink of this.current) {
      if (sink.isBehind()) {
        this.current.delete(sink);
        this.waiting.add(sink);
      } else {
        sink.send(message);
      }
    }
  }
}
