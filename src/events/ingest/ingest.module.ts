import { Module } from '@nestjs/common';
import { IngestController } from './ingest.controller.js';
import { IngestGate } from './ingest-gate.js';
import { IngestService } from './ingest.service.js';
import { PostedEventsController } from './posted-events.controller.js';
import { PostedEvents } from './posted-events.js';
import { PublicationWait } from './publication-wait.js';

/** HTTP API for writers: values, protocols and posted events. */
@Module({
  controllers: [IngestController, PostedEventsController],
  providers: [IngestGate, IngestService, PostedEvents, PublicationWait],
  exports: [IngestGate, PublicationWait],
})
export class IngestModule {}
