import { Body, Controller, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { IngestGate } from './ingest-gate.js';
import { PostedEvent, PostedEventAnswer } from './posted-event.dto.js';
import { PostedEvents } from './posted-events.js';
import { IdempotencyKey } from '../../platform/http/idempotency-key.decorator.js';

@ApiTags('ingest')
@ApiBearerAuth()
@Controller('v1/events')
@Roles('writer')
export class PostedEventsController {
  constructor(
    private readonly gate: IngestGate,
    private readonly events: PostedEvents,
  ) {}

  /** Adds an event to the log that is not a change of a table; subscribers receive it like any other event. */
  @Post()
  @ApiHeader({
    name: 'Idempotency-Key',
    required: false,
    description: 'A repeated request with this key does not add a second event.',
  })
  async post(
    @Body() body: PostedEvent,
    @CurrentCaller() { userId }: Caller,
    @IdempotencyKey() idempotencyKey: string | undefined,
  ): Promise<PostedEventAnswer> {
    await this.gate.check();
    return this.events.add(body, { userId, idempotencyKey });
  }
}
