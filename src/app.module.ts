import { Module, type DynamicModule } from '@nestjs/common';
import { AccessModule, UnknownRouteModule } from './access/index.js';
import { AlertsModule, UsageModule } from './alerts/index.js';
import { ClientFilesModule } from './client-files/index.js';
import { ConsoleModule } from './console/index.js';
import { EventsModule } from './events/index.js';
import { LaneProcessorsModule, NotificationsModule } from './notifications/index.js';
import { CompatModule, LiveModule, QueryModule } from './query/index.js';
import { OnchainModule } from './onchain/index.js';
import { OperationsModule } from './operations/index.js';
import { RealtimeModule } from './realtime/index.js';
import { ClockModule } from './platform/clock/clock.module.js';
import { DatabaseModule } from './platform/database/database.module.js';
import { HealthModule } from './platform/health/health.module.js';
import { HttpModule } from './platform/http/http.module.js';
import { LoggingModule } from './platform/logging/logging.module.js';
import { LoopModule } from './platform/loop/loop.module.js';
import { MetricsModule } from './platform/metrics/metrics.module.js';
import { ProcessModule } from './platform/process/process.module.js';
import { QueueModule } from './platform/queue/queue.module.js';
import { RedisModule } from './platform/redis/redis.module.js';
import { SecretsModule } from './platform/secrets/secrets.module.js';
import { SettingsModule } from './platform/settings/settings.module.js';
import type { Settings } from './platform/settings/settings.js';
import { WorkersModule } from './platform/workers/workers.module.js';

/**
 * Composition of the application: first the platform, then the features, each after the features that it imports.
 */
@Module({})
export class AppModule {
  /** Returns the module; `databaseUrl` is the URL of the database in use, embedded or external. */
  static with(settings: Settings, databaseUrl: string): DynamicModule {
    return {
      module: AppModule,
      imports: [
        SettingsModule.with(settings),
        ClockModule,
        HttpModule,
        LoggingModule.with(settings),
        MetricsModule,
        ProcessModule,
        LoopModule,
        WorkersModule,
        DatabaseModule.with({ url: databaseUrl, poolSize: settings.databasePool, isLocal: settings.embedded }),
        RedisModule,
        QueueModule,
        SecretsModule,
        HealthModule,
        AccessModule,
        EventsModule,
        AlertsModule,
        UsageModule,
        OnchainModule,
        RealtimeModule.with(LiveModule),
        NotificationsModule,
        ...(settings.role === 'gateway' ? [] : [LaneProcessorsModule]),
        QueryModule,
        CompatModule,
        ClientFilesModule,
        ConsoleModule,
        OperationsModule,
        UnknownRouteModule,
      ],
    };
  }
}
