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

  /** Counts connections and subscriptions: your own, or all for admins. */
  @Get('subscription-stats')
  stats(@CurrentCaller() caller: Caller): Promise<SubscriptionStats> {
    return this.connections.stats(caller);
  }

  /**
   * Explains why an event reaches a connection or does not: for each subscription the first condition that fails.
   * @throws {404} Connection or event not found, or it belongs to another user.
   */
  @Get('explain')
  explain(@CurrentCaller() caller: Caller, @Query() query: ExplainQuery): Promise<Explanation> {
    return this.connections.explain(caller, query);
  }

  /** Sends an announcement to everyone, to a user, to a room, or to one connection. */
  @Post('announcements')
  @Roles('admin')
  @HttpCode(202)
  announce(@CurrentCaller() caller: Caller, @Body() body: NewAnnouncement): Promise<AnnouncementResult> {
    return this.announcements.announce(caller, body);
  }
}
