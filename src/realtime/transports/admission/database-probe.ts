import { Injectable } from '@nestjs/common';
import { Database } from '../../../platform/database/database.js';

/** Time for which the result of a check is reused, ms. */
const CHECK_TTL_MS = 500;
/** Time after which a database that has not replied is considered unavailable, ms. */
const PROBE_TIMEOUT_MS = 2_000;

/** Checks whether the database answers. Clients that connect within the same half second share one check. */
@Injectable()
export class DatabaseProbe {
  private answer: Promise<boolean> | undefined;
  private askedAt = -Infinity;

  constructor(private readonly database: Database) {}

  answers(): Promise<boolean> {
    const now = performance.now();
    if (this.answer === undefined || now - this.askedAt > CHECK_TTL_MS) {
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
