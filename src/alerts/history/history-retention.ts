import { setTimeout as sleep } from 'node:timers/promises';
import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { Settings } from '../../platform/settings/settings.js';

const EVERY_MS = 600_000;
/** Alerts of one statement: some 50 ms, so that nobody who writes alerts waits for it. */
const BATCH = 5_000;

/** Ends the history of alerts after ALERT_HISTORY_DAYS. Safe in several processes at once. */
@Injectable()
export class HistoryRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(HistoryRetention.name);
  private readonly stopping = new AbortController();
  private running: Promise<void> | undefined;

  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.role !== 'gateway') this.running = this.loop();
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.stopping.abort();
    await this.running;
  }

  /** Deletes what is too old; returns how many alerts that were. */
  async forget(): Promise<number> {
    let forgotten = 0;
    for (let gone = BATCH; gone === BATCH && !this.stopping.signal.aborted; forgotten += gone) {
      gone = (await this.database.query(FORGET, [this.settings.alertHistoryDays, BATCH])).length;
    }
    return forgotten;
  }

  private async loop(): Promise<void> {
    const { signal } = this.stopping;
    while (!signal.aborted) {
      try {
        await this.forget();
      } catch (error) {
        this.logger.warn({ reason: String(error) }, 'old alerts cannot be deleted; trying again');
      }
      await sleep(EVERY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}

const FORGET = `
DELETE FROM alert_transitions WHERE id IN (
  SELECT id FROM alert_transitions WHERE at < now() - $1::float8 * interval '1 day' LIMIT $2)
RETURNING 1`;
