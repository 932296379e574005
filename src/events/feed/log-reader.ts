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
  /** Does the work of a batch with `tx`. The position moves in the same transaction: effects in `tx` happen once. */
  handle(tx: PoolClient, batch: readonly LogEvent[]): Promise<void>;
  /** Where a reader without a position starts: the oldest row kept (default) or after the newest. */
  startAt?: 'oldest' | 'newest';
  /** Most events of a batch; default 1,000. */
  batchSize?: number;
  /** Least milliseconds from the start of a batch to the start of the next; default 25. */
  minIntervalMs?: number;
  /**
   * Notes an event that failed alone `EVENT_ATTEMPTS` times; the reader then goes on behind it. Without this the reader
   * stays at the event and tries again for ever.
   */
  deadLetter?(tx: PoolClient, event: LogEvent, error: unknown, attempts: number): Promise<void>;
}

/** Attempts for one event on its own before it is a dead letter. */
export const EVENT_ATTEMPTS = 5;
/** A statement took too long, which fewer events may not. */
const QUERY_CANCELED = '57014';
const RETRY_FIRST_MS = 100;
const RETRY_LONGEST_MS = 5_000;
/** The feed rings on every batch; this is the net for a process whose feed is away. */
const IDLE_MS = 1_000;

/** What one turn did: `busy` means that another process holds the position right now. */
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
  /** Failed turns in a row, whatever the reason. */
  private failures = 0;
  /** Where the last turn began, and how often the event behind it failed alone and by itself. */
  private turnAt = -1;
  private attempts = 0;
  /** Batches of this size are tried: a quarter after each failure, until the event at fault stands alone. */
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

  /** Resolves when the batch in hand has been committed or given up. */
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

  /** One turn; what to wait for after it. */
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
      return Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** Math.min(this.failures, 10));
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

  /** The event at fault becomes a dead letter and the position passes it, together. */
  private async giveUp(error: unknown): Promise<number> {
    const deadLetter = this.options.deadLetter?.bind(this.options);
    if (deadLetter === undefined) return RETRY_LONGEST_MS;
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
      return RETRY_LONGEST_MS;
    }
  }

  /**
   * The next events from memory, if they are the database's own: after a restore memory may still hold events that the log
   * lost, under numbers that it has yet to give to others. The same epoch that reaches that far is the same log.
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

  /** The position with its row locked; undefined while another process works on it. */
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

/** Errors that say nothing about the events: the database away, a deadlock, a lock or statement timeout, no resources. */
export function isTransient(error: unknown): boolean {
  const code = codeOf(error);
  if (/^(?:08|40|53|55|57|58)/.test(code)) return true;
  return /^E[A-Z]+$/.test(code) || (error instanceof Error && /connection|timeout/i.test(error.message));
}
