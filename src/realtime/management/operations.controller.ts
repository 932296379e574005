import { Body, Controller, Get, HttpCode, Post, Query } from '@nestjs/common';
import { ApiTags } from '@nestjs/swagger';
import { CurrentCaller, Roles, type Caller } from '../../access/index.js';
import { Announcements } from './announcements.js';
import { ConnectionDirectory } from './connection-directory.js';
import { SubscriptionStats } from './connections.dto.js';
import { AnnouncementResult, ExplainQuery, Explanation, NewAnnouncement } from './operations.dto.js';

@ApiTags('realtime')
@Roles('reader')
@Controller('v1/realtime')
export class OperationsController {
  constructor(
    private readonly connections: ConnectionDirectory,
    private readonly announcements: Announcements,
  ) {}

  /** How many connections and subscriptions there are: your own, for admins all. */
  @Get('subscription-stats')
  stats(@CurrentCaller() caller: Caller): Promise<SubscriptionStats> {
    return this.connections.stats(caller);
  }

  /**
   * Why an event reaches, or does not reach, a connection: for each subscription the first condition that fails.
   * @throws {404} There is no such connection or event, or it belongs to somebody else.
   */
  @Get('explain')
  explain(@CurrentCaller() caller: Caller, @Query() query: ExplainQuery): Promise<Explanation> {
    return this.connections.explain(caller, query);
  }

  /** Says something to everyone, to a user, to a room, or to one connection. */
  @Post('announcements')
  @Roles('admin')
  @HttpCode(202)
  announce(@CurrentCaller() caller: Caller, @Body() body: NewAnnouncement): Promise<AnnouncementResult> {
    return this.announcements.announce(caller, body);
  }
}
