import { Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HealthChecks } from './health-checks.js';
import { HealthController } from './health.controller.js';
import { HealthNotices } from './health-notices.js';
import { PoolWatch } from './pool-watch.js';
import { Readiness } from './readiness.js';

/** Routes `/health/live` and `/health/ready`, and `Readiness`, which makes `/health/ready` answer 503 before a stop. */
@Global()
@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [
    HealthChecks,
    PoolWatch,
    { provide: HealthNotices, inject: [Readiness], useFactory: ({ notices }: Readiness) => notices },
    Readiness,
  ],
  exports: [HealthNotices, Readiness],
})
export class HealthModule {}
