import { Module } from '@nestjs/common';
import { AccessModule } from '../access/index.js';
import { ChangeReferences, EventFeed, EventLog, EventsModule, PublishedState } from '../events/index.js';
import { Clock } from '../platform/clock/clock.js';
import { EventEncoder } from './core/encoded-event.js';
import { RealtimeHub } from './core/hub.js';
import { HubDriver } from './hub-driver.js';
import { RealtimeMetrics } from './realtime-metrics.js';
import { Admission } from './transports/admission.js';
import { SocketIoGateway } from './transports/socketio/socketio.gateway.js';
import { WriteBatches } from './transports/write-batches.js';

/** The hub follows the feed from the very turn in which it was made, so that no event falls between the two. */
async function startHub(
  feed: EventFeed,
  log: EventLog,
  published: PublishedState,
  references: ChangeReferences,
  metrics: RealtimeMetrics,
  clock: Clock,
): Promise<RealtimeHub> {
  await feed.start();
  const hub = new RealtimeHub({
    recent: feed,
    stored: log,
    published,
    encoder: new EventEncoder(references),
    observer: metrics,
    now: () => clock.now(),
  });
  feed.subscribe((batch) => hub.deliver(batch));
  feed.onEpochChange((epoch) => hub.startEpoch(epoch, feed.position));
  metrics.observe(hub);
  return hub;
}

/** Delivery to clients: one hub, three transports. */
@Module({
  imports: [AccessModule, EventsModule],
  providers: [
    RealtimeMetrics,
    {
      provide: RealtimeHub,
      inject: [EventFeed, EventLog, PublishedState, ChangeReferences, RealtimeMetrics, Clock],
      useFactory: startHub,
    },
    HubDriver,
    WriteBatches,
    Admission,
    SocketIoGateway,
  ],
  exports: [RealtimeHub],
})
export class RealtimeModule {}
