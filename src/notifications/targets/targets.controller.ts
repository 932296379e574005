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

  /** Lists your mail addresses, endpoints and devices with their state. A target is registered when a rule names it. */
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

  /** Sends the confirmation mail or the challenge again; this can also restore a disabled target. */
  @Post('targets/:id/verify')
  @HttpCode(202)
  verify(@Param() { id }: TargetParams, @CurrentCaller() { userId }: Caller): Promise<TargetView> {
    return this.targets.verify(userId, id);
  }

  /** Confirms a device, or a hook that cannot echo a challenge, by the code that it received. */
  @Post('targets/:id/confirm')
  @HttpCode(200)
  confirm(
    @Param() { id }: TargetParams,
    @Body() { code }: ConfirmBody,
    @CurrentCaller() { userId }: Caller,
  ): Promise<TargetView> {
    return this.targets.confirmByCode(userId, id, code);
  }

  /**
   * Lists the signing secrets of each of your webhook endpoints, by their last characters, and until when they are valid.
   */
  @Get('webhook-secrets')
  @CsvList<WebhookSecretsView>('webhook-secrets', ['target', 'createdAt', 'previousValidUntil', 'secrets'])
  async listSecrets(@CurrentCaller() { userId }: Caller): Promise<WebhookSecretList> {
    return { data: await this.secrets.list(userId) };
  }

  /**
   * Creates a signing secret, which is shown only in this answer. The previous secret also signs for another 24 hours (at
   * most two previous ones do), so that receivers have time to change. At most ten times a minute per user.
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

  /** Returns the public key with which a browser subscribes to pushes of this service. */
  @Get('push-key')
  pushKey(): PushKeyView {
    return { publicKey: this.webPush.publicKey };
  }
}
