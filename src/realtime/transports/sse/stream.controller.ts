import { Controller, Get, Head, HttpCode, Post, Req, Res, UseFilters, applyDecorators } from '@nestjs/common';
import { ApiBody, ApiOperation, ApiProduces, ApiQuery, ApiTags } from '@nestjs/swagger';
import type { Request, Response } from 'express';
import { Public } from '../../../access/index.js';
import { STREAM_BODY_SCHEMA } from './stream-body.schema.js';
import { StreamRefusalFilter } from './stream-refusal.filter.js';
import { StreamService } from './stream.service.js';
import { FIELDS_BY_PLACE, type FilterField } from '../../core/filter/fields.js';

/** Documents the filter fields as query parameters. */
const ApiFilterQueries = (): MethodDecorator =>
  // Reversed: decorators written below each other are applied from the last to the first.
  applyDecorators(...FIELDS_BY_PLACE.toReversed().map(parameter));

function parameter({ name, form, choices = [], docs }: FilterField): MethodDecorator {
  if (form === 'choice') {
    return ApiQuery({ name, required: false, enum: choices, description: `${docs.stream}.` });
  }
  return form === 'number'
    ? ApiQuery({ name, required: false, type: Number, description: `${docs.stream}.` })
    : ApiQuery({ name, required: false, description: `${docs.stream}, comma-separated.` });
}

@ApiTags('realtime')
@UseFilters(StreamRefusalFilter)
@Controller('v1/stream')
export class StreamController {
  constructor(private readonly streams: StreamService) {}

  // Declared first: Express answers HEAD with GET.
  /** Reports whether the address exists; no stream is opened. */
  @Head()
  @Public()
  describe(@Res() response: Response): void {
    response.type('text/event-stream').end();
  }

  /**
   * Streams events as they happen, over one HTTP answer that does not end (Server-Sent Events).
   * @remarks
   * `event:` is the event's name, `data:` its JSON, `id:` its cursor. First `connected`, then missed events if
   * `Last-Event-ID` or `since` is given, then `ready {cursor, recovered?, replayed?}`, then live events. The messages are
   * described in /asyncapi.yaml. Give the key as `Authorization: Bearer …` or, for EventSource, as `?apiKey=`.
   */
  @Get()
  @Public('itself')
  @ApiOperation({ operationId: 'stream' })
  @ApiProduces('text/event-stream')
  @ApiQuery({
    name: 'channels',
    required: false,
    description: 'Channel names, comma-separated.',
    example: 'events:tvl,events:prices',
  })
  @ApiFilterQueries()
  @ApiQuery({
    name: 'since',
    required: false,
    description: 'Cursor after which to continue; Last-Event-ID takes precedence.',
  })
  @ApiQuery({
    name: 'lastEventId',
    required: false,
    description:
      'Same as the header Last-Event-ID, for libraries that cannot send it. Can also be spelled `last_event_id`.',
  })
  @ApiQuery({
    name: 'snapshot',
    required: false,
    type: Boolean,
    description: 'Whether the matching published values are sent first.',
  })
  @ApiQuery({
    name: 'all',
    required: false,
    type: Boolean,
    description: 'Whether rows of all users are included; requires role `admin`.',
  })
  @ApiQuery({ name: 'mode', required: false, enum: ['all', 'latest'] })
  @ApiQuery({
    name: 'intervalMs',
    required: false,
    type: 'integer',
    description:
      'In mode `latest`, time between two sends of the newest event of each key; with `query`, minimum time between two ' +
      'changes. 100 to 60000 ms.',
  })
  @ApiQuery({
    name: 'apiKey',
    required: false,
    description: 'Key of a client that cannot send headers. Removed from every log.',
  })
  async stream(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.streams.stream(request, response);
  }

  /**
   * Streams events for a request given as JSON, up to 1 MiB: for filters that are too long for a URL.
   * @remarks
   * The members are the query parameters of `GET /v1/stream`, with lists as JSON arrays of up to 5,000 names each. The
   * key, `lastEventId` and the header `Last-Event-ID` are given as there.
   */
  @Post()
  @HttpCode(200)
  @Public('itself')
  @ApiOperation({ operationId: 'streamOfBody' })
  @ApiProduces('text/event-stream')
  @ApiBody({ schema: STREAM_BODY_SCHEMA })
  async streamOfBody(@Req() request: Request, @Res() response: Response): Promise<void> {
    await this.streams.stream(request, response);
  }
}
