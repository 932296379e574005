import { Injectable, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import type { BackgroundLoop } from '../../platform/process/background-loop.js';
import { BackgroundLoops } from '../../platform/process/background-loops.js';
import { Settings } from '../../platform/settings/settings.js';

const RETENTION_INTERVAL_MS = 3_600_000;
/**
 * Statements that each delete a batch of rows and return their number. The database functions refuse to delete rows that are
 * too young; the application has no other right to delete them.
 */
const ENDS = ['SELECT end_audit_lines($1) AS rows', 'SELECT end_api_keys($1) AS rows'] as const;

/**
 * Deletes audit entries and ended keys that are older than AUDIT_DAYS. If a user has very many ended keys, only the most
 * recent of them are kept.
 */
@Injectable()
export class AccessRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly loop: BackgroundLoop;

  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
    loops: BackgroundLoops,
  ) {
    this.loop = loops.loop({
      name: 'access_retention',
      intervalMs: RETENTION_INTERVAL_MS,
      onlyOn: 'worker',
      run: (stop) => this.forget(stop),
    });
  }

  onApplicationBootstrap(): void {
    this.loop.start();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.loop.stop();
  }

  private async forget(stop: AbortSignal): Promise<void> {
    for (const statement of ENDS) while (!stop.aborted && (await this.endBatch(statement)) > 0);
  }

  private async endBatch(statement: (typeof ENDS)[number]): Promise<number> {
    const row = await this.database.one<{ rows: number }>(statement, [this.settings.auditDays]);
    return row?.rows ?? 0;
  }
}
