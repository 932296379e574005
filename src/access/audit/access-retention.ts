import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Recurring } from '../../platform/process/recurring.js';
import { Settings } from '../../platform/settings/settings.js';

const RETENTION_INTERVAL_MS = 3_600_000;
/**
 * Statements that delete some rows each and return their number. Only the database can delete them, and none that is too young.
 */
const ENDS = ['SELECT end_audit_lines($1) AS rows', 'SELECT end_api_keys($1) AS rows'] as const;

/**
 * Deletes lines of the audit trail and ended keys after AUDIT_DAYS; of very many ended keys of a user only the newest are kept.
 */
@Injectable()
export class AccessRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(AccessRetention.name);
  private readonly recurring = new Recurring(
    RETENTION_INTERVAL_MS,
    (stop) => this.forget(stop),
    (err) => this.logger.warn({ err }, 'old lines of the audit trail or ended keys could not be deleted; retrying'),
  );

  constructor(
    @InjectDataSource() private readonly source: DataSource,
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
    const [row] = await this.source.query<{ rows: number }[]>(statement, [this.settings.auditDays]);
    return row?.rows ?? 0;
  }
}
