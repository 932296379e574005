import { Injectable } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';

/** How long an answer counts, ms. */
const VALID_MS = 500;
/** A database that takes longer than this is unavailable, ms. */
const PROBE_TIMEOUT_MS = 2_000;

/** Whether the database answers: asked when somebody comes, by all who come in the same half second together. */
@Injectable()
export class DatabaseProbe {
  private answer: Promise<boolean> | undefined;
  private askedAt = -Infinity;

  constructor(private readonly database: Database) {}

  answers(): Promise<boolean> {
    const now = performance.now();
    if (this.answer === undefined || now - this.askedAt > VALID_MS) {
      this.askedAt = now;
      this.answer = this.ask();
    }
    return this.answer;
  }

  private async ask(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const patience = setTimeout(() => resolve(false), PROBE_TIMEOUT_MS);
    this.database.query('SELECT 1').then(
      () => resolve(true),
      () => resolve(false),
    );
    const answers = await promise;
    clearTimeout(patience);
    return answers;
  }
}
