import { Body, Controller, Get, HttpCode, Param, Post } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { actorOf, Audit, CurrentCaller, Rare, type Caller } from '../../access/index.js';
import { CsvList } from '../../platform/http/csv.interceptor.js';
import { WebPush } from '../channels/push/web-push.js';
import { TargetList } from './target-list.js';
import { TargetRules } from './target-rules.js';
import {
  ConfirmBody,
  NewWebhookSecretView,
  PushKeyView,
  RotateSecretBody,
  TargetList as TargetListView,
  TargetParams,
  TargetView,
  WebhookSecretList,
  type WebhookSecretsView,
} from './targets.dto.js';
import { WebhookSecrets } from './webhook-secrets.js';

@ApiTags('Notifications')
@ApiBearerAuth()
@Controller('v1/notifications')
export class TargetsController {
  constructor(
    private readonly targets: TargetList,
    private readonly rules: TargetRules,
    private readonly secrets: WebhookSecrets,
    private readonly webPush: WebPush,
    private readonly audit: Audit,
  ) {}

  /** Lists your mail addresses, endpoints and devices, with their state. They are registered when a rule names them. */
  @Get('targets')
  @CsvList<TargetView>('targets', [
    'id',
    'channel',
    'target',
    'status',
    'reason',
    'detail',
    'since',
    'failures',
    'pausedUntil',
    'createdAt',
    'verifiedAt',
  ])
  async list(@CurrentCaller() { userId }: Caller): Promise<TargetListView> {
    return { data: await this.targets.list(userId) };
  }

  /** Sends the confirmation mail or the challenge again; also restores a target that was disabled. */
  @Post('targets/:id/verify')
  @HttpCode(202)
  verify(@Param() { id }: TargetParams, @CurrentCaller() { userId }: Caller): Promise<TargetView> {
    return this.targets.verify(userId, id);
  }

  /** Confirms a hook that cannot echo, or a device, by the code that it received. */
  @Post('targets/:id/confirm')
  @HttpCode(200)
  confirm(
    @Param() { id }: TargetParams,
    @Body() { code }: ConfirmBody,
    @CurrentCaller() { userId }: Caller,
  ): Promise<TargetView> {
    return this.targets.confirmByCode(userId, id, code);
  }

  /** Lists the secrets that sign the messages to each of your webhook endpoints, by their ends, and their validity. */
  @Get('webhook-secrets')
  @CsvList<WebhookSecretsView>('webhook-secrets', ['target', 'createdAt', 'previousValidUntil', 'secrets'])
  async listSecrets(@CurrentCaller() { userId }: Caller): Promise<WebhookSecretList> {
    return { data: await this.secrets.list(userId) };
  }

  /**
   * Creates a signing secret, which no other answer shows. The old one (two at most) signs beside it for 24 hours, so that
   * receivers can change in time. Ten times a minute for a user at most.
   */
  @Post('webhook-secrets/rotate')
  @Rare()
  @HttpCode(200)
  async rotate(@Body() { target }: RotateSecretBody, @CurrentCaller() caller: Caller): Promise<NewWebhookSecretView> {
    const normalised = target === undefined ? undefined : this.rules.normalise('webhook', target).target;
    const secret = await this.secrets.rotate(caller.userId, normalised);
    await this.audit.record({
      actor: actorOf(caller),
      action: 'webhook_secret.rotate',
      subject: secret.target,
      outcome: 'ok',
    });
    return secret;
  }

  /** Returns the key with which a browser subscribes to pushes of this service. */
  @Get('push-key')
  pushKey(): PushKeyView {
    return { publicKey: this.webPush.publicKey };
  }
}
