import { Module } from '@nestjs/common';
import { LiveQueryRunner } from '../../realtime/index.js';
import { QueryModule } from '../query.module.js';
import { LiveExecutor } from './live-executor.js';
import { LiveMetrics } from './live-metrics.js';
import { RowWatch } from './row-watch.js';
import { LiveQueryService } from './live-query-service.js';

/** Live queries: queries as subscriptions. */
@Module({
  imports: [QueryModule],
  providers: [{ provide: LiveQueryRunner, useClass: LiveQueryService }, LiveExecutor, LiveMetrics, RowWatch],
  exports: [LiveQueryRunner],
})
export class LiveModule {}
