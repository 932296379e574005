import { Controller, Get, Header, HttpCode, Param, Post } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from '../../access/index.js';
import { OLD_LINK, page, question } from './link-page.js';
import { TargetList } from './target-list.js';

/**
 * Targets of the links in mails. GET only shows a page, because mail scanners open every link; the page's button, or a
 * mailbox's one-click POST, performs the action. No key is needed: the link is the proof.
 */
@ApiExcludeController()
@Public()
@Controller('v1/notifications')
export class MailLinksController {
  constructor(private readonly targets: TargetList) {}

  @Get('confirm/:token')
  @Header('content-type', 'text/html; charset=utf-8')
  async showConfirm(@Param('token') token: string): Promise<string> {
    const address = await this.targets.confirmable(token);
    return address === undefined ? OLD_LINK : question(`Send alerts to ${address}?`, 'Confirm');
  }

  @Post('confirm/:token')
  @HttpCode(200)
  @Header('content-type', 'text/html; charset=utf-8')
  async confirm(@Param('token') token: string): Promise<string> {
    const address = await this.targets.confirm(token);
    return address === undefined ? OLD_LINK : page(`Alerts are now sent to ${address}.`);
  }

  @Get('unsubscribe/:token')
  @Header('content-type', 'text/html; charset=utf-8')
  async showUnsubscribe(@Param('token') token: string): Promise<string> {
    const address = await this.targets.unsubscribable(token);
    return address === undefined ? OLD_LINK : question(`Send no more alerts to ${address}?`, 'Unsubscribe');
  }

  @Post('unsubscribe/:token')
  @HttpCode(200)
  @Header('content-type', 'text/html; charset=utf-8')
  async unsubscribe(@Param('token') token: string): Promise<string> {
    const address = await this.targets.unsubscribe(token);
    return address === undefined ? OLD_LINK : page(`No more alerts are sent to ${address}.`);
  }
}
