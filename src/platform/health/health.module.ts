import { Global, Module } from '@nestjs/common';
import { TerminusModule } from '@nestjs/terminus';
import { HealthChecks } from './health-checks.js';
import { HealthController } from './health.controller.js';
import { Readiness } from './readiness.js';

/** `/health/live`, `/health/ready`, and the switch that turns the latter off before a stop. */
@Global()
@Module({
  imports: [TerminusModule.forRoot({ logger: false })],
  controllers: [HealthController],
  providers: [HealthChecks, Readiness],
  exports: [Readiness],
})
export class HealthModule {}
