export * from './core/index.js';
export { Broker, type BatchListener } from './broker/broker.js';
export { MemoryBroker } from './broker/memory-broker.js';
export { EventLog, type LogBounds, type LogFilter, type LogPage } from './capture/event-log.js';
export { EventFeed, type FeedState } from './feed/event-feed.js';
export { isTransient, LogReader, type LogReaderOptions } from './feed/log-reader.js';
export { Doorbell } from './capture/doorbell.js';
export { appendEvents, type NewEvent } from './capture/append-events.js';
export { Sequencer } from './capture/sequencer.js';
export { ChangeReferences, type Changes } from './history/change-references.js';
export { HistoryBackfill, type HistoryPoint } from './history/history-backfill.js';
export { cacheKeys, HotCache, type CachedValue } from './hot-cache/hot-cache.js';
export { MemoryHotCache } from './hot-cache/memory-hot-cache.js';
export { PublishedState } from './hot-cache/published-state.js';
export {
  undescribed,
  type Metric,
  type ProtocolMeta,
  type ProtocolTvl,
  type PublishedValue,
} from './hot-cache/published-value.js';
export { IsName } from './lookups/query-values.js';
export { sourceFaults } from './sources/chosen-sources.js';
export { EventsModule } from './events.module.js';
export { DeadLetters, type DeadLetter, type DeadLetterHandler } from './dead-letters/dead-letters.js';
