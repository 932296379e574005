import { Controller, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../../access/index.js';
import { SnoozeLinks } from './snooze-links.js';

/**
 * Target of the snooze link in a message. GET only shows a page with a button, because mail scanners open links; POST
 * snoozes.
 */
@ApiExcludeController()
@Public()
@Controller('v1/alerts/snooze')
export class SnoozeLinksController {
  constructor(private readonly links: SnoozeLinks) {}

  @Get(':token')
  @Header('content-type', 'text/html; charset=utf-8')
  show(@Param('token') token: string): Promise<string> {
    return this.links.show(token);
  }

  @Post(':token')
  @HttpCode(200)
  @Header('content-type', 'text/html; charset=utf-8')
  snooze(@Param('token') token: string): Promise<string> {
    return this.links.snooze(token);
  }
}
