import { Logger } from '@nestjs/common';
import type { PoolClient } from 'pg';
import type { Database } from '../../platform/database/database.js';
import { isTransient } from '../../platform/errors/database-errors.js';
import { errorCode } from '../../platform/errors/error-code.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import type { BackgroundLoops } from '../../platform/process/background-loops.js';
import type { EventLog } from '../log/event-log.js';
import { UNKNOWN_TYPE, type LogEvent } from '../core/log-event.js';
import type { EventFeed } from './event-feed.js';

export interface LogReaderOptions {
  /** Name of the reader and key of its stored position. Only one process handles events for a name at a time. */
  name: string;
  /** Handles a batch. The position is stored in the same transaction, so changes made with `tx` happen exactly once. */
  handle(tx: PoolClient, batch: readonly LogEvent[]): Promise<void>;
  /** Start of a reader that has no stored position: the oldest row kept (default) or after the last row. */
  startAt?: 'oldest' | 'newest';
  /** Maximum number of events per batch; default 1,000. */
  batchSize?: number;
  /** Shortest time between the starts of two batches, ms; default 25. */
  minIntervalMs?: number;
  /** `worker`: the reader starts in no process of the role `gateway`. */
  onlyOn?: 'worker';
  /**
   * Records an event that failed alone `EVENT_ATTEMPTS` times; the reader then continues after it. Without this function the
   * reader retries the event forever.
   */
  deadLetter?(tx: PoolClient, event: LogEvent, error: unknown, attempts: number): Promise<void>;
}

/** Attempts to handle a single event before it becomes a dead letter. */
export const EVENT_ATTEMPTS = 5;
/** SQLSTATE of a statement that timed out; a smaller batch may succeed. */
const QUERY_CANCELED = '57014';
const MIN_RETRY_DELAY_MS = 200;
const MAX_RETRY_DELAY_MS = 5_000;
/** Longest wait without a signal from the feed, ms, for processes whose feed is not running. */
const IDLE_INTERVAL_MS = 1_000;

/**
 * Result of one round. `full`: there may be more events; `short`: the end of the log was reached; `busy`: another process
 * works for this reader.
 */
type Turn = 'full' | 'short' | 'busy';

/**
 * Reader of the log with a stored position. Every event after the position is handled at least once, in log order, and its
 * effects inside the transaction exactly once. Positions survive a change of epoch: a restored database contains the
 * positions of its own log.
 */
export class LogReader {
  private readonly logger = new Logger(LogReader.name);
  private readonly batchSize: number;
  private readonly loop: BackgroundLoop;
  private unsubscribe: (() => void) | undefined;
  /** Position of the last round, and the number of times that the event after it failed alone. */
  private turnAt = -1;
  private attempts = 0;
  /** Size of the next batch. It is quartered after each failure, until the faulty event is alone in its batch. */
  private size: number;

  constructor(
    private readonly database: Database,
    private readonly log: EventLog,
    private readonly feed: EventFeed,
    loops: BackgroundLoops,
    private readonly options: LogReaderOptions,
  ) {
    this.batchSize = options.batchSize ?? 1_000;
    this.size = this.batchSize;
    this.loop = loops.loop({
      name: `log_reader_${options.name}`,
      intervalMs: IDLE_INTERVAL_MS,
      minIntervalMs: options.minIntervalMs ?? 25,
      retry: { minMs: MIN_RETRY_DELAY_MS, maxMs: MAX_RETRY_DELAY_MS },
      onlyOn: options.onlyOn,
      run: () => this.turnAndPause(),
    });
  }

  start(): void {
    this.unsubscribe ??= this.feed.subscribe(() => this.loop.ring());
    this.loop.start();
  }

  /** Stops the reader; resolves when the current batch was committed or rolled back. */
  async stop(): Promise<void> {
    this.unsubscribe?.();
    await this.loop.stop();
  }

  /** Runs one round of the loop; returns the pause after it, ms. Throws if the round is to be repeated after a back-off. */
  private async turnAndPause(): Promise<number> {
    try {
      return (await this.turn()) === 'full' ? 0 : IDLE_INTERVAL_MS;
    } catch (error) {
      const transient = error instanceof NewerEvent || isTransient(error);
      if (this.size > 1 && (!transient || errorCode(error) === QUERY_CANCELED)) {
        const fields = { err: error, reader: this.options.name, batch: this.size };
        this.logger.warn(fields, 'batch of a log reader failed; retrying with a smaller one');
        this.size = Math.max(1, Math.floor(this.size / 4));
        return 0;
      }
      if (transient || ++this.attempts < EVENT_ATTEMPTS) throw error;
      await this.giveUp(error);
      return 0;
    }
  }

  private async turn(): Promise<Turn> {
    return this.database.transaction(async (tx) => {
      const position = await this.lockPosition(tx);
      if (position === undefined) return 'busy';
      if (position !== this.turnAt) this.attempts = 0;
      this.turnAt = position;
      const { events, hasMore } = await this.next(tx, position);
      const batch = knownPart(events);
      const last = batch.at(-1);
      if (last === undefined) {
        this.size = this.batchSize;
        return 'short';
      }
      await this.options.handle(tx, batch);
      await this.move(tx, last);
      const full = hasMore || this.size < this.batchSize;
      this.size = Math.min(this.batchSize, this.size * 2);
      return full ? 'full' : 'short';
    });
  }

  /**
   * Records the faulty event as a dead letter and moves the position past it, in one transaction. Throws the event's error if
   * the reader has no dead letters.
   */
  private async giveUp(error: unknown): Promise<void> {
    if (this.options.deadLetter === undefined) throw error;
    try {
      await this.database.transaction((tx) => this.skip(tx, error));
    } catch (failure) {
      this.logger.error({ err: failure, reader: this.options.name }, 'dead letter could not be written');
      throw failure;
    }
  }

  private async skip(tx: PoolClient, error: unknown): Promise<void> {
    const position = await this.lockPosition(tx);
    // If another process has moved the position since, the event at the new position has not failed.
    const [event] = position === this.turnAt ? await this.log.read(position, 1) : [];
    if (event === undefined) return;
    await this.options.deadLetter?.(tx, event, error, this.attempts);
    await this.move(tx, event);
    this.logger.error({ err: error, reader: this.options.name, seq: event.seq }, 'event became a dead letter');
  }

  private async next(tx: PoolClient, position: number): Promise<{ events: readonly LogEvent[]; hasMore: boolean }> {
    const events = await this.remembered(tx, position);
    return events === undefined
      ? this.log.readPage(position, this.size)
      : { events, hasMore: events.length === this.size };
  }

  /**
   * Returns the next events from memory if the database has them, too: after a restore, memory may contain events that the
   * log lost and whose numbers it will use again. If the log has the same epoch and reaches that far, it is the same log.
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

  /** Locks the position's row and returns the position; undefined if another process has locked it. */
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

/** The first event is of a type that only a newer version knows; the reader waits for that version, and so skips nothing. */
class NewerEvent extends Error {}

/** Returns the events before the first one of an unknown type; throws if there are none. */
function knownPart(batch: readonly LogEvent[]): readonly LogEvent[] {
  const end = batch.findIndex(({ type }) => type === UNKNOWN_TYPE);
  if (end === 0) throw new NewerEvent(`A newer version wrote the event ${batch[0]?.seq}; start that version again.`);
  return end < 0 ? batch : batch.slice(0, end);
}
