import { Body, Controller, Delete, Get, HttpCode, Param, Patch, Post, Query, Req } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import type { Request } from 'express';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { DomainError } from '../../platform/errors/domain-error.js';
import { declaredLength } from '../../platform/http/bodies/read-body.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { ConnectionDirectory } from './connection-directory.js';
import {
  Connection,
  ConnectionListQuery,
  ConnectionPage,
  ConnectionParams,
  DisconnectQuery,
} from './connections.dto.js';
import {
  NewSubscription,
  type SubscriptionDto,
  RemovedSubscriptions,
  SubscriptionChange,
  SubscriptionPage,
  SubscriptionsAnswer,
  SubscriptionSelection,
} from './subscriptions.dto.js';

@ApiTags('realtime')
@Roles('reader')
@Controller('v1/realtime/connections')
export class ConnectionsController {
  constructor(private readonly connections: ConnectionDirectory) {}

  /** Lists open connections: your own, or all for admins. */
  @Get()
  @CsvList<Connection>('connections', [
    'connectionId',
    'userId',
    'keyId',
    'connectedAt',
    'lastActivity',
    'transport',
    'metadata',
    'subscriptions',
  ])
  list(@CurrentCaller() caller: Caller, @Query() query: ConnectionListQuery): Promise<ConnectionPage> {
    return this.connections.list(caller, query);
  }

  /**
   * Returns one connection.
   * @throws {404} Connection not found, or it belongs to another user.
   */
  @Get(':id')
  get(@CurrentCaller() caller: Caller, @Param() { id }: ConnectionParams): Promise<Connection> {
    return this.connections.get(caller, id);
  }

  /**
   * Ends a connection. Its client receives an `error` with the cursor to resume from, and its library reconnects by
   * itself. With `final` it does not reconnect, and its key is refused from its address for 60 s.
   */
  @Delete(':id')
  @HttpCode(204)
  disconnect(
    @CurrentCaller() caller: Caller,
    @Param() { id }: ConnectionParams,
    @Query() query: DisconnectQuery,
  ): Promise<void> {
    return this.connections.disconnect(caller, id, query);
  }

  /** Lists the subscriptions of a connection. */
  @Get(':id/subscriptions')
  @CsvList<SubscriptionDto>('subscriptions', [
    'id',
    'type',
    'channel',
    'protocols',
    'chains',
    'tokens',
    'eventTypes',
    'threshold',
  ])
  subscriptions(@CurrentCaller() caller: Caller, @Param() { id }: ConnectionParams): Promise<SubscriptionPage> {
    return this.connections.subscriptions(caller, id);
  }

  /**
   * Adds a subscription to a connection, as its client could do itself. With `since`, the answer is sent after the
   * replay.
   */
  @Post(':id/subscriptions')
  subscribe(
    @CurrentCaller() caller: Caller,
    @Param() { id }: ConnectionParams,
    @Body() body: NewSubscription,
  ): Promise<SubscriptionsAnswer> {
    return this.connections.subscribe(caller, id, body);
  }

  /** Replaces the filters of the selected subscriptions. */
  @Patch(':id/subscriptions')
  update(
    @CurrentCaller() caller: Caller,
    @Param() { id }: ConnectionParams,
    @Body() body: SubscriptionChange,
  ): Promise<SubscriptionsAnswer> {
    return this.connections.update(caller, id, body);
  }

  /** Removes the subscriptions selected by query parameters; without parameters, all. A request body is refused. */
  @Delete(':id/subscriptions')
  unsubscribe(
    @CurrentCaller() caller: Caller,
    @Param() { id }: ConnectionParams,
    @Query() selection: SubscriptionSelection,
    @Req() request: Request,
  ): Promise<RemovedSubscriptions> {
    refuseBody(request);
    return this.connections.unsubscribe(caller, id, selection);
  }
}

/** Refuses a body: its selection would be ignored, and all subscriptions removed. */
function refuseBody(request: Request): void {
  if (declaredLength(request) === 0) return;
  throw new DomainError(
    'invalid_request',
    'must have no body: select the subscriptions by a query parameter, ?id=… or ?type=…',
  );
}
