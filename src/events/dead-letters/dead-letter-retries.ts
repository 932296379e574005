import type { PoolClient } from 'pg';
import type { Database } from '../../platform/database/database.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import type { LogEvent } from '../core/log-event.js';
import { reasonOf, type DeadLetters } from './dead-letters.js';

/**
 * Repeats a reader's work for one event. The changes made with `tx` and the removal of the dead letter are committed
 * together.
 */
type DeadLetterHandler = (tx: PoolClient, event: LogEvent) => Promise<void>;

/** Repeats the work of the readers that run in this process; dead letters of other readers can only be discarded. */
export class DeadLetterRetries {
  constructor(
    private readonly database: Database,
    private readonly letters: DeadLetters,
    /** Handlers by name of the reader. */
    private readonly handlers: ReadonlyMap<string, DeadLetterHandler>,
  ) {}

  /**
   * Handles the event again. If the handler succeeds, the dead letter is removed in the same transaction; if not, it stays
   * with the new reason.
   *
   * @throws {DomainError} `not_found`: there is no dead letter with this id. `conflict`: the retry failed, or the reader does
   * not run in this process.
   */
  async retry(id: string): Promise<void> {
    try {
      await this.database.transaction(async (tx) => {
        const letter = await this.letters.take(tx, id);
        const handler = this.handlers.get(letter.reader);
        if (handler === undefined) {
          throw new DomainError(
            'conflict',
            `The reader ${letter.reader} does not run in this process; retry in a process that runs it.`,
          );
        }
        await handler(tx, letter.event).catch((error: unknown) => {
          throw new RetryFailed(error);
        });
      });
    } catch (error) {
      if (!(error instanceof RetryFailed)) throw error;
      await this.letters.retryFailed(id, error.cause);
      throw new DomainError('conflict', `The retry failed: ${reasonOf(error.cause).slice(0, 300)}`, {
        cause: error.cause,
      });
    }
  }
}

class RetryFailed extends Error {
  constructor(cause: unknown) {
    super('retry failed', { cause });
  }
}
