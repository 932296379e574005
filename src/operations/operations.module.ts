import { Module } from '@nestjs/common';
import { BackupMetrics } from './backup/backup-metrics.js';

/** Metrics of what runs beside the service. */
@Module({ providers: [BackupMetrics] })
export class OperationsModule {}
