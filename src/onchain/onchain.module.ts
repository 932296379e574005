import { Module } from '@nestjs/common';
import { EventsModule } from '../events/index.js';
import { NotificationsModule } from '../notifications/index.js';
import { ChainRegistry } from './config/chain-registry.js';
import { OnchainStart } from './config/onchain-start.js';
import { ConnectionOpener } from './follower/chain-connections.js';
import { Followers } from './follower/followers.js';
import { ChainRuntime } from './follower/chain-runtime.js';
import { FollowerMetrics } from './follower/follower-metrics.js';
import { Healer } from './follower/healer.js';
import { ChainStarter } from './follower/led-chain.js';
import { MeasuredListener } from './follower/measured-listener.js';
import { ProjectionListener } from './follower/projection-listener.js';
import { RereadStarter } from './follower/rereads.js';
import { PostedChainEventsController } from './ingest/posted-events.controller.js';
import { INGEST_PROVIDERS } from './ingest/providers.js';
import { OnchainLookupsModule } from './lookups/lookups.module.js';
import { ChainAdminController } from './repair/chain-admin.controller.js';
import { ChainAdmin } from './repair/chain-admin.js';
import { DeadLogs } from './repair/dead-logs.js';
import { GapWatch } from './repair/gap-watch.js';
import { LogRetention } from './repair/log-retention.js';
import { RangeRepairsController } from './repair/range-repairs.controller.js';
import { RangeRepairs } from './repair/range-repairs.js';
import { ChainMonitor } from './monitoring/chain-monitor.js';
import { InvariantRounds } from './monitoring/invariant-rounds.js';
import { Rebuilds } from './repair/rebuilds.js';
import { Rewinds } from './repair/rewinds.js';
import { ChainAlarms } from './store/chain-alarms.js';
import { InvariantChecks } from './store/invariant-checks.js';
import { PointsController } from './points/points.controller.js';
import { PointRulesController } from './points/rules.controller.js';
import { POINTS_PROVIDERS } from './points/providers.js';
import { SampleChain } from './sample/sample-chain.js';
import { SampleEndpoint } from './sample/sample-endpoint.js';
import { Projector } from './projector/projector.js';
import { ChainStore } from './store/chain-store.js';

/** Chains that the server follows, and the points that tokens earn. */
@Module({
  imports: [EventsModule, NotificationsModule, OnchainLookupsModule],
  controllers: [
    PointsController,
    PostedChainEventsController,
    ChainAdminController,
    RangeRepairsController,
    PointRulesController,
  ],
  providers: [
    ChainRegistry,
    OnchainStart,
    SampleChain,
    SampleEndpoint,
    ChainStore,
    ChainAlarms,
    InvariantChecks,
    InvariantRounds,
    Projector,
    LogRetention,
    ConnectionOpener,
    FollowerMetrics,
    { provide: ProjectionListener, useClass: MeasuredListener },
    ChainRuntime,
    Healer,
    RereadStarter,
    ChainStarter,
    Followers,
    ...POINTS_PROVIDERS,
    ...INGEST_PROVIDERS,
    ChainAdmin,
    DeadLogs,
    Rebuilds,
    Rewinds,
    RangeRepairs,
    ChainMonitor,
    GapWatch,
  ],
  exports: [ChainRegistry],
})
export class OnchainModule {}
