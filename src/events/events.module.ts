import { Global, Module } from '@nestjs/common';
import { Broker } from './broker/broker.js';
import { MemoryBroker } from './broker/memory-broker.js';
import { EventLog } from './capture/event-log.js';
import { SequencerMetrics } from './capture/sequencer-metrics.js';
import { Sequencer } from './capture/sequencer.js';
import { DeadLettersModule } from './dead-letters/dead-letters.module.js';
import { EventFeed } from './feed/event-feed.js';
import { HistoryModule } from './history/history.module.js';
import { HotCacheModule } from './hot-cache/hot-cache.module.js';
import { IngestModule } from './ingest/ingest.module.js';
import { LookupsModule } from './lookups/lookups.module.js';
import { SourcesModule } from './sources/sources.module.js';

/** The log and what follows it. Everything else of the product reads events through these. */
@Global()
@Module({
  imports: [HotCacheModule, HistoryModule, LookupsModule, IngestModule, SourcesModule, DeadLettersModule],
  providers: [{ provide: Broker, useClass: MemoryBroker }, EventLog, EventFeed, Sequencer, SequencerMetrics],
  exports: [Broker, EventLog, EventFeed, Sequencer],
})
export class EventsModule {}
