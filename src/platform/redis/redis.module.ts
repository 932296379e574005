import { Global, Module } from '@nestjs/common';
import { Metrics } from '../metrics/metrics.js';
import { Settings } from '../settings/settings.js';
import { PodChannel } from './pod-channel.js';
import { Pods } from './pods.js';
import { RedisConnections } from './redis-connections.js';

/** Connections to Redis, if configured, and the messages between processes. */
@Global()
@Module({
  providers: [
    {
      provide: RedisConnections,
      inject: [Settings, Metrics],
      useFactory: (settings: Settings, metrics: Metrics) => RedisConnections.open(settings, metrics),
    },
    PodChannel,
    Pods,
  ],
  exports: [RedisConnections, PodChannel, Pods],
})
export class RedisModule {}
