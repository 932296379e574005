import { Body, Controller, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, IdempotencyKey, Roles, type Caller } from '../../access/index.js';
import { IngestGate } from './ingest-gate.js';
import { PostedEvent, PostedEventAnswer } from './posted-event.dto.js';
import { PostedEvents } from './posted-events.js';

@ApiTags('ingest')
@ApiBearerAuth()
@Controller('v1/events')
@Roles('writer')
export class PostedEventsController {
  constructor(
    private readonly gate: IngestGate,
    private readonly events: PostedEvents,
  ) {}

  /** Adds an event that no table contains to the log, from where subscribers receive it. */
  @Post()
  @ApiHeader({ name: 'Idempotency-Key', required: false, description: 'A repeated post with this key adds nothing.' })
  async post(
    @Body() body: PostedEvent,
    @CurrentCaller() { userId }: Caller,
    @IdempotencyKey() idempotencyKey: string | undefined,
  ): Promise<PostedEventAnswer> {
    await this.gate.check();
    return this.events.add(body, { userId, idempotencyKey });
  }
}
