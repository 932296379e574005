import { Global, Module } from '@nestjs/common';
import { DeadLettersModule } from '../dead-letters/dead-letters.module.js';
import { ChangeReferences } from './change-references.js';
import { HistoryBackfill } from './history-backfill.js';
import { HistoryJobs } from './history-jobs.js';
import { HistorySeries } from './history-series.js';
import { HistoryStore } from './history-store.js';
import { HistoryWriter } from './history-writer.js';
import { HourlySamples } from './hourly-samples.js';
import { RawPartitions } from './raw-partitions.js';
import { Rollups } from './rollups.js';

/** History of all published values, as points and aggregates. */
@Global()
@Module({
  imports: [DeadLettersModule],
  providers: [
    HistoryStore,
    HistoryWriter,
    ChangeReferences,
    HistoryBackfill,
    HistorySeries,
    HistoryJobs,
    HourlySamples,
    RawPartitions,
    Rollups,
  ],
  exports: [ChangeReferences, HistoryBackfill, HistorySeries],
})
export class HistoryModule {}
