import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import type { QueryResultRow } from 'pg';
import { Database } from '../../platform/database/database.js';
import type { LogEvent, LogType } from '../core/log-event.js';
import { logEvent, MAX_DATA_BYTES, type FlaggedRow } from './log-row.js';

const SETTLED_POLL_INTERVAL_MS = 2;

/** Filter for reads of the log. All given conditions must hold; absent fields do not restrict. */
export interface LogFilter {
  types?: readonly LogType[];
  protocol?: string;
  chain?: string;
  token?: string;
  /** User id: rows without an owner and rows of this user. null: rows without an owner. Absent: all rows. */
  owner?: string | null;
  /**
   * Last position to read; absent: to the end of the log. Without this limit, a search for rare events reads the whole log.
   */
  upTo?: number;
}

/** Rows of the log; `hasMore`: there may be further rows. */
export interface LogPage {
  events: LogEvent[];
  hasMore: boolean;
}

export interface LogBounds {
  epoch: string;
  /** Seq of the oldest row kept; headSeq + 1 if the log is empty. */
  firstSeq: number;
  /** Seq of the last row. */
  headSeq: number;
  /** Seq of the last row before this epoch began: rows up to here belong to previous epochs. */
  epochStartSeq: number;
}

/** Reads the event log. Positions are exclusive: `read(seq)` starts with the row after `seq`. */
@Injectable()
export class EventLog {
  constructor(private readonly database: Database) {}

  /**
   * Returns up to `limit` rows after a position, in log order; fewer if their data is large. None: the end of the log was
   * reached.
   */
  async read(afterSeq: number, limit: number, filter?: LogFilter): Promise<LogEvent[]> {
    const { events } = await this.readPage(afterSeq, limit, filter);
    return events;
  }

  /**
   * Reads a page. It ends early before its rows have more than `maxBytes` of data together, because a thousand posted events
   * may have 32 MB.
   */
  async readPage(
    afterSeq: number,
    limit: number,
    filter: LogFilter = {},
    maxBytes: number = MAX_DATA_BYTES,
  ): Promise<LogPage> {
    const rows = await this.database.arrays<FlaggedRow>(READ, [
      afterSeq,
      filter.upTo ?? Number.MAX_SAFE_INTEGER,
      limit,
      filter.types ?? null,
      filter.protocol ?? null,
      filter.chain ?? null,
      filter.token ?? null,
      filter.owner !== undefined,
      filter.owner ?? null,
      maxBytes,
    ]);
    return { events: rows.map(logEvent), hasMore: rows.length === limit || rows.at(-1)?.at(-1) === true };
  }

  async bounds(): Promise<LogBounds> {
    const bounds = await this.database.one<LogBounds & QueryResultRow>(
      `SELECT epoch, first_seq AS "firstSeq", head_seq AS "headSeq", epoch_start_seq AS "epochStartSeq"
       FROM event_log_bounds()`,
    );
    if (bounds === undefined) throw new Error('The event log has no head row; the database is not migrated.');
    return bounds;
  }

  /**
   * Reports to the database how far this process has read. If the log ends before that position, it has lost its end (after
   * a restore, or a failover with data loss). The database then starts a new epoch, so that cursors to lost events cannot be
   * mistaken for cursors to new ones.
   */
  async reportPosition(epoch: string, seq: number): Promise<void> {
    await this.database.query('SELECT report_log_position($1, $2)', [epoch, seq]);
  }

  /**
   * Waits until everything that a committed transaction inserted into the outbox is in the log, and returns the log's
   * bounds: a state read at that head or later includes the transaction's changes. Undefined after `timeoutMs`.
   * @param transaction `pg_current_xact_id()::text`, read inside the transaction
   * @param since the first of several consecutive transactions, of which `transaction` is the last
   */
  async settled(transaction: string, timeoutMs: number, since = transaction): Promise<LogBounds | undefined> {
    const until = Date.now() + timeoutMs;
    for (;;) {
      const waiting = await this.database.one<{ waiting: boolean }>(
        'SELECT EXISTS (SELECT FROM change_outbox WHERE txid BETWEEN $1::text::xid8 AND $2::text::xid8) AS waiting',
        [since, transaction],
      );
      if (waiting?.waiting === false) return this.bounds();
      if (Date.now() >= until) return undefined;
      await sleep(SETTLED_POLL_INTERVAL_MS);
    }
  }

  /** Returns the age of the oldest change that waits for the sequencer, seconds; 0 if none waits. */
  async outboxAge(): Promise<number> {
    const row = await this.database.one<{ age: number }>(
      `SELECT coalesce((SELECT extract(epoch FROM clock_timestamp() - captured_at)::float8 FROM change_outbox
                        ORDER BY txid, id LIMIT 1), 0) AS age`,
    );
    return row?.age ?? 0;
  }
}

const READ = 'SELECT * FROM read_event_log($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)';
