import { Injectable } from '@nestjs/common';
import type { ClientBase, PoolClient } from 'pg';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { decodeNumber } from '../../platform/http/paging/list-cursor.js';
import { pageOf, type Paged } from '../../platform/http/paging/page.js';
import type { LogEvent } from '../core/log-event.js';
import type { DeadLettersQuery } from './dead-letters.dto.js';

/** Event that a reader of the log could not handle. Times are ISO 8601. */
export interface DeadLetter {
  id: string;
  reader: string;
  reason: string;
  /** Number of failures, including retries. */
  failures: number;
  firstFailedAt: string;
  lastFailedAt: string;
  event: LogEvent;
}

const MAX_REASON_LENGTH = 2_000;

/** Stores events that readers of the log could not handle, with the reason, until they are retried or discarded. */
@Injectable()
export class DeadLetters {
  constructor(private readonly database: Database) {}

  /**
   * Records the event in the transaction that moves the reader's position past it. If the event is recorded already, its
   * number of failures increases.
   */
  async record(tx: ClientBase, reader: string, event: LogEvent, error: unknown, failures = 1): Promise<void> {
    await tx.query(
      `INSERT INTO dead_letters AS d (reader, epoch, seq, event, reason, failures) VALUES ($1, $2, $3, $4, $5, $6)
       ON CONFLICT (reader, epoch, seq) DO UPDATE SET reason = excluded.reason,
         failures = d.failures + excluded.failures, last_failed_at = clock_timestamp()`,
      [reader, event.epoch, event.seq, JSON.stringify(event), reasonOf(error), failures],
    );
  }

  /** Lists dead letters, the latest first. `cursor` is the `next_cursor` of the previous page. */
  async list({ limit, cursor, reader }: DeadLettersQuery): Promise<Paged<DeadLetter>> {
    const scope = ['dead-letters', reader];
    const rows = await this.database.query<DeadLetterRow>(
      `SELECT ${COLUMNS} FROM dead_letters
       WHERE ($1::bigint IS NULL OR id < $1) AND ($2::text IS NULL OR reader = $2) ORDER BY id DESC LIMIT $3`,
      [decodeNumber(scope, cursor), reader ?? null, limit + 1],
    );
    return pageOf(rows, { scope, limit, position: (row) => row.id }, deadLetter);
  }

  /** Stores the reason of a retry that failed. */
  async retryFailed(id: string, error: unknown): Promise<void> {
    await this.database.query(
      `UPDATE dead_letters SET reason = $2, failures = failures + 1, last_failed_at = clock_timestamp() WHERE id = $1`,
      [id, reasonOf(error)],
    );
  }

  /** Removes a dead letter whose event need not be handled any more. */
  async discard(id: string): Promise<void> {
    await this.database.transaction((tx) => this.take(tx, id));
  }

  /**
   * Deletes and returns a dead letter; the deletion takes effect if the transaction commits.
   *
   * @throws {DomainError} `not_found`: there is no dead letter with this id.
   */
  async take(tx: PoolClient, id: string): Promise<DeadLetter> {
    const { rows } = await tx.query<DeadLetterRow>(`DELETE FROM dead_letters WHERE id = $1 RETURNING ${COLUMNS}`, [
      letterId(id) ?? null,
    ]);
    if (rows[0] === undefined) throw new DomainError('not_found', 'Dead letter not found.');
    return deadLetter(rows[0]);
  }
}

interface DeadLetterRow {
  id: string;
  reader: string;
  reason: string;
  failures: number;
  first_failed_at: Date;
  last_failed_at: Date;
  event: LogEvent;
}

const COLUMNS = 'id::text, reader, reason, failures, first_failed_at, last_failed_at, event';

function deadLetter(row: DeadLetterRow): DeadLetter {
  const { id, reader, reason, failures, event } = row;
  const firstFailedAt = row.first_failed_at.toISOString();
  return { id, reader, reason, failures, firstFailedAt, lastFailedAt: row.last_failed_at.toISOString(), event };
}

function letterId(text: string): string | undefined {
  return /^[1-9]\d{0,17}$/.test(text) ? text : undefined;
}

/** Returns the reason for operators, without NUL, which PostgreSQL cannot store. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return text.replaceAll('\0', '').slice(0, MAX_REASON_LENGTH);
}
