import { Injectable } from '@nestjs/common';
import { Gauge } from 'prom-client';
import { Database } from '../../platform/database/database.js';
import { metricOf } from '../../platform/metrics/metric-of.js';
import { Metrics } from '../../platform/metrics/metrics.js';
import { readBackupState, type BackupSuccess } from './backup-state.js';

/** Ages of backups. The commands that make them are other processes, which record their successes in the database. */
@Injectable()
export class BackupMetrics {
  constructor(
    private readonly database: Database,
    private readonly metrics: Metrics,
  ) {
    this.show('backup_base_success_seconds', 'base', ({ reached }) => reached / 1_000);
    this.show('backup_base_bytes', 'base', ({ bytes }) => bytes);
    this.show('backup_wal_success_seconds', 'wal', ({ reached }) => reached / 1_000);
  }

  /** Makes a metric that is read at each scrape; while the database is unavailable, it keeps its value. */
  private show(
    name: 'backup_base_success_seconds' | 'backup_base_bytes' | 'backup_wal_success_seconds',
    kind: BackupSuccess['kind'],
    valueOf: (success: BackupSuccess) => number,
  ): void {
    const { database } = this;
    // oxlint-disable-next-line no-new -- the registry keeps it
    new Gauge({
      ...metricOf(name),
      registers: [this.metrics.registry],
      async collect() {
        const successes = await readBackupState(database).catch(() => []);
        const success = successes.find((candidate) => candidate.kind === kind);
        if (success !== undefined) this.set(valueOf(success));
      },
    });
  }
}
