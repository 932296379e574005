import { Injectable, Logger, type BeforeApplicationShutdown, type OnApplicationBootstrap } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Recurring } from '../../platform/process/recurring.js';
import { Settings } from '../../platform/settings/settings.js';

const EVERY_MS = 3_600_000;

/** Lines of the audit trail are kept AUDIT_DAYS. The database alone can end them, and none that is younger than 30 days. */
@Injectable()
export class AuditRetention implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly logger = new Logger(AuditRetention.name);
  private readonly recurring = new Recurring(
    EVERY_MS,
    (stop) => this.forget(stop),
    (err) => this.logger.warn({ err }, 'old lines of the audit trail cannot be deleted; trying again'),
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
    while (!stop.aborted && (await this.endBatch()) > 0);
  }

  private async endBatch(): Promise<number> {
    const [row] = await this.source.query<{ lines: number }[]>('SELECT end_audit_lines($1) AS lines', [
      this.settings.auditDays,
    ]);
    return row?.lines ?? 0;
  }
}
