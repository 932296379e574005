import { Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { Database } from '../../platform/database/database.js';
import { Doorbell } from '../capture/doorbell.js';
import type { EventLog } from '../capture/event-log.js';
import type { LogEvent } from '../core/log-event.js';
import type { EventFeed } from './event-feed.js';

export interface LogReaderOptions {
  /** Key of the position row; one reader of a name works at a time, however many processes run it. */
  name: string;
  /** Handles a batch with `tx`. The position moves in the same transaction: effects in `tx` happen once. */
  handle(tx: PoolClient, batch: readonly LogEvent[]): Promise<void>;
  /** Start of a reader without a position: the oldest row kept (default) or after the newest. */
  startAt?: 'oldest' | 'newest';
  /** Maximum number of events per batch; default 1,000. */
  batchSize?: number;
  /** Shortest time from the start of a batch to the start of the next, ms; default 25. */
  minIntervalMs?: number;
  /**
   * Records an event that failed alone `EVENT_ATTEMPTS` times; the reader then goes on behind it. Without this the reader stays
   * at the event and tries again for ever.
   */
  deadLetter?(tx: PoolClient, event: LogEvent, error: unknown, attempts: number): Promise<void>;
}

/** Attempts for one event on its own before it is a dead letter. */
export const EVENT_ATTEMPTS = 5;
/** Code of a statement that took too long; fewer events may succeed. */
const QUERY_CANCELED = '57014';
const MIN_RETRY_MS = 100;
const MAX_RETRY_MS = 5_000;
/** Longest wait without a ring of the feed, ms: for a process whose feed is not running. */
const IDLE_MS = 1_000;

/** Result of one turn: `busy` means that another process holds the position now. */
type Turn = 'full' | 'short' | 'busy';

/**
 * A reader of the log with a durable position. Every event after the position is handled at least once, in log order,
 * and its effects inside the transaction exactly once. Positions survive epochs: a restored database brings its own.
 */
export class LogReader {
  private readonly logger = new Logger(LogReader.name);
  private readonly batchSize: number;
  private readonly minIntervalMs: number;
  private readonly doorbell = new Doorbell();
  private readonly pace = new Doorbell();
  private running: Promise<void> | undefined;
  private stopped = false;
  /** Number of failed turns in a row, whatever the reason. */
  private failures = 0;
  /** Position of the last turn, and how often the event behind it failed alone. */
  private turnAt = -1;
  private attempts = 0;
  /** Size of the next batch: a quarter after each failure, until the faulty event stands alone. */
  private size: number;

  constructor(
    private readonly database: Database,
    private readonly log: EventLog,
    private readonly feed: EventFeed,
    private readonly options: LogReaderOptions,
  ) {
    this.batchSize = options.batchSize ?? 1_000;
    this.minIntervalMs = options.minIntervalMs ?? 25;
    this.size = this.batchSize;
  }

  start(): void {
    this.running ??= this.loop();
  }

  /** Resolves when the current batch has been committed or given up. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.doorbell.ring();
    this.pace.ring();
    await this.running;
  }

  private readonly stopping = (): boolean => this.stopped;

  private async loop(): Promise<void> {
    const unsubscribe = this.feed.subscribe(() => this.doorbell.ring());
    while (!this.stopped) {
      const startedAt = performance.now();
      const pause = await this.turnOrRetryPause();
      if (pause === 'wait') await this.doorbell.wait(IDLE_MS, this.stopping);
      const least = this.minIntervalMs - (performance.now() - startedAt);
      const rest = Math.max(pause === 'wait' ? 0 : pause, least);
      if (rest > 0) await this.pace.wait(rest, this.stopping);
    }
    unsubscribe();
  }

  /** Runs one turn. Returns the pause after it, ms, or `wait` for a ring. */
  private async turnOrRetryPause(): Promise<number | 'wait'> {
    try {
      const turn = await this.turn();
      this.failures = 0;
      return turn === 'full' ? 0 : 'wait';
    } catch (error) {
      this.logger.warn({ err: error, reader: this.options.name, batch: this.size }, 'log reader failed');
      const transient = isTransient(error);
      if (this.size > 1 && (!transient || codeOf(error) === QUERY_CANCELED)) {
        this.size = Math.max(1, Math.floor(this.size / 4));
        return 0;
      }
      this.failures++;
      if (!transient && ++this.attempts >= EVENT_ATTEMPTS) return this.giveUp(error);
      return Math.min(MAX_RETRY_MS, MIN_RETRY_MS * 2 ** Math.min(this.failures, 10));
    }
  }

  private async turn(): Promise<Turn> {
    return this.database.transaction(async (tx) => {
      const position = await this.lockPosition(tx);
      if (position === undefined) return 'busy';
      if (position !== this.turnAt) this.attempts = 0;
      this.turnAt = position;
      const batch = (await this.remembered(tx, position)) ?? (await this.log.read(position, this.size));
      const last = batch.at(-1);
      if (last === undefined) {
        this.size = this.batchSize;
        return 'short';
      }
      await this.options.handle(tx, batch);
      await this.move(tx, last);
      const full = batch.length >= this.size || this.size < this.batchSize;
      this.size = Math.min(this.batchSize, this.size * 2);
      return full ? 'full' : 'short';
    });
  }

  /** Makes the faulty event a dead letter and moves the position past it, in one transaction. */
  private async giveUp(error: unknown): Promise<number> {
    const deadLetter = this.options.deadLetter?.bind(this.options);
    if (deadLetter === undefined) return MAX_RETRY_MS;
    try {
      await this.database.transaction(async (tx) => {
        const position = await this.lockPosition(tx);
        // Another process may have passed the event since: the next one has not failed.
        const [event] = position === this.turnAt ? await this.log.read(position, 1) : [];
        if (event === undefined) return;
        await deadLetter(tx, event, error, this.attempts);
        await this.move(tx, event);
        this.logger.error({ err: error, reader: this.options.name, seq: event.seq }, 'event became a dead letter');
      });
      this.failures = 0;
      return 0;
    } catch (failure) {
      this.logger.error({ err: failure, reader: this.options.name }, 'dead letter could not be written');
      return MAX_RETRY_MS;
    }
  }

  /**
   * Returns the next events from memory if the database has them: after a restore memory may still hold events that the log
   * lost, under numbers that it will give to others. The same epoch that reaches that far is the same log.
   */
  private async remembered(tx: PoolClient, position: number): Promise<readonly LogEvent[] | undefined> {
    const recent = this.feed.recent(position, this.size);
    const last = recent?.at(-1);
    if (last === undefined) return recent;
    const { rows } = await tx.query<{ epoch: string; seq: number }>(
      'SELECT epoch, head_seq::float8 AS seq FROM event_log_bounds()',
    );
    const [head] = rows;
    return head?.epoch === this.feed.epoch && head.seq >= last.seq ? recent : undefined;
  }

  /** Returns the position with its row locked; undefined while another process works on it. */
  private async lockPosition(tx: PoolClient): Promise<number | undefined> {
    const { rows } = await tx.query<{ seq: number | null }>('SELECT lock_log_reader($1, $2) AS seq', [
      this.options.name,
      this.options.startAt === 'newest',
    ]);
    return rows[0]?.seq ?? undefined;
  }

  private async move(tx: PoolClient, to: LogEvent): Promise<void> {
    await tx.query('UPDATE log_readers SET epoch = $2, seq = $3, updated_at = clock_timestamp() WHERE name = $1', [
      this.options.name,
      to.epoch,
      to.seq,
    ]);
  }
}

function codeOf(error: unknown): string {
  return typeof error === 'object' && error !== null && 'code' in error ? String(error.code) : '';
}

/**
 * Whether an error does not concern the events: database unavailable, a deadlock, a lock or statement timeout, no resources.
 */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (/^(?:08|40|53|55|57|58)/.test(code)) return true;
  return /^E[A-Z]+$/.test(code) || (error instanceof Error && /connection|timeout/i.test(error.message));
}
