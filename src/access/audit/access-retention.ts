import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { Recurring } from '../../platform/process/recurring.js';
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
  private readonly logger = new Logger(AccessRetention.name);
  private readonly recurring = new Recurring(
    RETENTION_INTERVAL_MS,
    (stop) => this.forget(stop),
    (err) => this.logger.warn({ err }, 'deletion of old audit entries or ended keys failed; retrying in 1 h'),
  );

  constructor(
    private readonly database: Database,
    private readonly settings: Settings,
  ) {}

  onApplicationBootstrap(): void {
    if (this.settings.role !== 'gateway') this.recurring.begin();
  }

  beforeApplicationShutdown(): Promise<void> {
    return this.recurring.end();
  }

  private async forget(stop: AbortSignal): Promise<void> {
    for (const statement of ENDS) while (!stop.aborted && (await this.endBatch(statement)) > 0);
  }

  private async endBatch(statement: (typeof ENDS)[number]): Promise<number> {
    const row = await this.database.one<{ rows: number }>(statement, [this.settings.auditDays]);
    return row?.rows ?? 0;
  }
}
