import { Module, type DynamicModule, type Type } from '@nestjs/common';
import { AccessModule } from '../access/index.js';
import { ChangeReferences, EventFeed, EventLog, EventsModule, PublishedState } from '../events/index.js';
import { Clock } from '../platform/clock/clock.js';
import { AsyncApiController } from './asyncapi/asyncapi.controller.js';
import { EventEncoder } from './core/wire/encoded-event.js';
import { RealtimeHub } from './core/hub.js';
import { LiveQueryRunner } from './core/session/live-queries.js';
import { Drain } from './drain.js';
import { HubDriver } from './hub-driver.js';
import { Announcements } from './management/announcements.js';
import { ConnectionDirectory } from './management/connection-directory.js';
import { ConnectionQuestions } from './management/connection-questions.js';
import { ConnectionsController } from './management/connections.controller.js';
import { LocalConnections } from './management/local-connections.js';
import { OperationsController } from './management/operations.controller.js';
import { PodQuestions } from './management/pod-questions.js';
import { ConnectionRegistry } from './registry/connection-registry.js';
import { RegistryCleaner } from './registry/registry-cleaner.js';
import { RegistryStore } from './registry/registry-store.js';
import { RealtimeMetrics } from './realtime-metrics.js';
import { SessionKeeper } from './resume/session-keeper.js';
import { SessionStore } from './resume/session-store.js';
import { DOOR_PROVIDERS } from './transports/door-providers.js';
import { StreamController } from './transports/sse/stream.controller.js';
import { StreamService } from './transports/sse/stream.service.js';
import { ConnectionParts } from './transports/websocket/connection-parts.js';
import { WebSocketController } from './transports/websocket/websocket.controller.js';
import { WebSocketTransport } from './transports/websocket/websocket.transport.js';
import { WriteBatches } from './transports/sending/write-batches.js';

/**
 * Starts the hub. It subscribes to the feed in the same turn of the event loop in which it reads the feed's position, so
 * that no event is lost.
 */
async function startHub(
  feed: EventFeed,
  log: EventLog,
  published: PublishedState,
  references: ChangeReferences,
  metrics: RealtimeMetrics,
  clock: Clock,
  queries: LiveQueryRunner,
): Promise<RealtimeHub> {
  await feed.start();
  const hub = new RealtimeHub({
    recent: feed,
    stored: log,
    published,
    queries,
    encoder: new EventEncoder(references),
    observer: metrics,
    now: () => clock.now(),
    elapsed: () => clock.elapsed(),
  });
  feed.subscribe((batch) => hub.deliver(batch));
  feed.onEpochChange((epoch) => hub.startEpoch(epoch, feed.position));
  metrics.observe(hub);
  return hub;
}

/** Delivery to clients: one hub, three transports. */
@Module({
  imports: [AccessModule, EventsModule],
  controllers: [StreamController, WebSocketController, ConnectionsController, OperationsController, AsyncApiController],
  providers: [
    RealtimeMetrics,
    {
      provide: RealtimeHub,
      inject: [EventFeed, EventLog, PublishedState, ChangeReferences, RealtimeMetrics, Clock, LiveQueryRunner],
      useFactory: startHub,
    },
    HubDriver,
    WriteBatches,
    SessionStore,
    SessionKeeper,
    ...DOOR_PROVIDERS,
    ConnectionParts,
    WebSocketTransport,
    StreamService,
    Drain,
    RegistryStore,
    ConnectionRegistry,
    RegistryCleaner,
    PodQuestions,
    LocalConnections,
    ConnectionQuestions,
    ConnectionDirectory,
    Announcements,
  ],
  exports: [RealtimeHub, Drain],
})
export class RealtimeModule {
  /** Returns the module; `queries` is the module that exports the `LiveQueryRunner`. */
  static with(queries: Type): DynamicModule {
    return { module: RealtimeModule, imports: [queries] };
  }
}
