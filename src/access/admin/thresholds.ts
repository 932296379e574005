import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { ThresholdBody, ThresholdList, ThresholdParams, ThresholdView } from './threshold.dto.js';
import { errorCode } from '../../platform/errors/error-code.js';

const COLUMNS = `metric, subject, min_change_ratio AS "minChangeRatio", min_change_absolute AS "minChangeAbsolute"`;
/** Longest wait for the lock. A change of a threshold waits for all writers and compares every key of the metric again. */
const LOCK_TIMEOUT = '20s';
/** SQLSTATEs of PostgreSQL: value refused by a CHECK, and timeout of a lock. */
const CHECK_VIOLATION = '23514';
const LOCK_NOT_AVAILABLE = '55P03';

/**
 * Thresholds from which a changed value becomes an event. A new threshold applies to statements that start after it was
 * committed.
 */
@Injectable()
export class Thresholds {
  constructor(private readonly database: Database) {}

  async list(): Promise<ThresholdList> {
    return { data: await this.database.query<ThresholdView>(`SELECT ${COLUMNS} FROM change_thresholds ORDER BY 1, 2`) };
  }

  async put({ metric, subject }: ThresholdParams, body: ThresholdBody): Promise<ThresholdView> {
    const [row] = await this.run(
      `INSERT INTO change_thresholds (metric, subject, min_change_ratio, min_change_absolute) VALUES ($1, $2, $3, $4)
       ON CONFLICT (metric, subject) DO UPDATE
       SET min_change_ratio = excluded.min_change_ratio, min_change_absolute = excluded.min_change_absolute
       RETURNING ${COLUMNS}`,
      [metric, subject, body.minChangeRatio, body.minChangeAbsolute ?? 0],
    );
    if (!row) throw new DomainError('not_found', 'Threshold not found.');
    return row;
  }

  /** Removes a threshold. Its subject then uses the threshold of `*`; without one, the built-in default applies. */
  async remove({ metric, subject }: ThresholdParams): Promise<void> {
    const statement = `DELETE FROM change_thresholds WHERE metric = $1
      AND subject = CASE $1 WHEN 'tvl' THEN lower($2) ELSE canonical_token($2) END RETURNING ${COLUMNS}`;
    const [row] = await this.run(statement, [metric, subject]);
    if (!row) throw new DomainError('not_found', 'Threshold not found.');
  }

  private async run(text: string, values: unknown[]): Promise<ThresholdView[]> {
    try {
      return await this.database.transaction(async (tx) => {
        await tx.query(`SET LOCAL lock_timeout = '${LOCK_TIMEOUT}'`);
        return (await tx.query<ThresholdView>(text, values)).rows;
      });
    } catch (error) {
      throw refusalOf(error);
    }
  }
}

function refusalOf(error: unknown): unknown {
  const code = errorCode(error);
  if (code === CHECK_VIOLATION) {
    return new DomainError('invalid_request', 'The subject must have the form of a protocol or token name.', {
      field: 'subject',
      cause: error,
    });
  }
  if (code === LOCK_NOT_AVAILABLE) {
    return new DomainError('unavailable', 'The tables are locked by writers; try again.', {
      retryAfterMs: 5_000,
      cause: error,
    });
  }
  return error;
}
