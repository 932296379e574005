import { Global, Module } from '@nestjs/common';
import { Database } from '../../platform/database/database.js';
import { DeadLetterRetries } from '../dead-letters/dead-letter-retries.js';
import { DeadLetters } from '../dead-letters/dead-letters.js';
import { DeadLettersModule } from '../dead-letters/dead-letters.module.js';
import { HISTORY_READER } from '../hot-cache/published-store.js';
import { ChangeReferences } from './change-references.js';
import { HistoryBackfill } from './history-backfill.js';
import { HistoryJobs } from './history-jobs.js';
import { HistorySeries } from './history-series.js';
import { HistoryStore } from './history-store.js';
import { HistoryWriter } from './history-writer.js';
import { HourlySamples } from './hourly-samples.js';
import { RawPartitions } from './raw-partitions.js';
import { Rollups } from './rollups.js';

/** Returns the retries of the readers whose work can be repeated for one event: the history writer. */
function retries(database: Database, letters: DeadLetters, writer: HistoryWriter): DeadLetterRetries {
  return new DeadLetterRetries(
    database,
    letters,
    new Map([[HISTORY_READER, (tx, event) => writer.write(tx, [event])]]),
  );
}

/** History of all published values, as points and aggregates. */
@Global()
@Module({
  imports: [DeadLettersModule],
  providers: [
    HistoryStore,
    HistoryWriter,
    { provide: DeadLetterRetries, inject: [Database, DeadLetters, HistoryWriter], useFactory: retries },
    ChangeReferences,
    HistoryBackfill,
    HistorySeries,
    HistoryJobs,
    HourlySamples,
    RawPartitions,
    Rollups,
  ],
  exports: [ChangeReferences, DeadLetterRetries, HistoryBackfill, HistorySeries],
})
export class HistoryModule {}
