import { Global, Module } from '@nestjs/common';
import { BackgroundLoops } from '../platform/process/background-loops.js';
import { RedisConnections } from '../platform/redis/redis-connections.js';
import { Broker } from './feed/broker.js';
import { MemoryBroker } from './broker/memory-broker.js';
import { RedisBroker } from './broker/redis-broker.js';
import { EventLog } from './log/event-log.js';
import { DeadBands } from './capture/dead-bands.js';
import { LeaderAudit } from './capture/leader-audit.js';
import { SequencerMetrics } from './capture/sequencer-metrics.js';
import { Sequencer } from './capture/sequencer.js';
import { TriggerMetrics } from './capture/trigger-metrics.js';
import { DeadLettersModule } from './dead-letters/dead-letters.module.js';
import { EventFeed } from './feed/event-feed.js';
import { HistoryModule } from './history/history.module.js';
import { CacheRefresh } from './hot-cache/cache-refresh.js';
import { HotCacheModule } from './hot-cache/hot-cache.module.js';
import { RedisCacheStore } from './hot-cache/redis-cache-store.js';
import { IngestModule } from './ingest/ingest.module.js';
import { LookupsModule } from './lookups/lookups.module.js';
import { SourcesModule } from './sources/sources.module.js';

/** Returns the Redis broker if Redis is configured; the in-memory broker of a single process if not. */
function broker(
  redis: RedisConnections,
  store: RedisCacheStore,
  refresh: CacheRefresh,
  loops: BackgroundLoops,
): Broker {
  return redis.configured ? new RedisBroker(redis, store, refresh, loops) : new MemoryBroker();
}

/** Event log, its feed and its readers. Other modules read events through the exported classes. */
@Global()
@Module({
  imports: [HotCacheModule, HistoryModule, LookupsModule, IngestModule, SourcesModule, DeadLettersModule],
  providers: [
    { provide: Broker, inject: [RedisConnections, RedisCacheStore, CacheRefresh, BackgroundLoops], useFactory: broker },
    EventLog,
    EventFeed,
    Sequencer,
    SequencerMetrics,
    TriggerMetrics,
    LeaderAudit,
    DeadBands,
  ],
  exports: [Broker, EventLog, EventFeed, Sequencer, DeadBands, DeadLettersModule, IngestModule],
})
export class EventsModule {}
