import { SharedMessage, type LiveQueryBody, type LiveQuerySink } from '../../realtime/index.js';
import type { Dependencies } from '../core/plan/dependencies.js';
import { clientLeft } from '../../platform/request/leaving.js';
import { ResultImage, type KeyedRow, type ResultDiff } from '../core/result/result-diff.js';

/** Rows of an answer, and a log position up to which they include all changes. */
export interface LiveResult {
  readonly rows: readonly KeyedRow[];
  readonly cursor: string;
}

/** Longest pause between attempts, ms; the pauses increase while the database is unavailable. */
const MAX_PAUSE_MS = 10_000;

/**
 * Distinct query with all its followers. It runs once for all of them; each receives the changes since its previous message.
 * A follower that reads too slowly receives no further changes, and the whole result when it has caught up.
 */
export class LiveQuery {
  /**
   * Time of the first event that the last answer does not include, Unix milliseconds; undefined if it includes all events.
   */
  dirtySince: number | undefined = 0;
  startedAt = 0;
  isRunning = false;
  private failures = 0;
  private shown: LiveResult | undefined;
  private image = new ResultImage([]);
  private readonly current = new Set<LiveQuerySink>();
  /** Sinks that have not yet received a result, or have missed a change. */
  private readonly waiting = new Set<LiveQuerySink>();
  private readonly ending = new AbortController();

  constructor(
    readonly id: string,
    readonly dependencies: Dependencies,
    readonly intervalMs: number,
    private readonly execute: (signal: AbortSignal) => Promise<LiveResult>,
    /** API key of the first follower, to which the runs of the query are charged. */
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

  /** Whether the query runs, is due, or has a result to send. */
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

  /** Ends a query without followers; a running execution is aborted, because it only occupies a connection. */
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

  /** Runs the query and sends changes to its followers. Rejects if the run fails; the query then stays due. */
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

  /** Sends the result to waiting followers whose send buffer has room. */
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
