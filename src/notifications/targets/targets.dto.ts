import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, IsString, MaxLength } from 'class-validator';
import { IsId } from '../../platform/http/fields.js';
import { CHANNEL_NAMES, type Channel } from '../core/channels/catalogue.js';

const STATUSES = ['pending', 'active', 'disabled'] as const;

export class TargetParams {
  @IsId()
  id!: string;
}

export class ConfirmBody {
  /**
   * Eight digits that the hook or the device received; spaces are ignored.
   * @example 01234567
   */
  @IsString()
  @MaxLength(32)
  code!: string;
}

export class TargetView {
  /** @example 0199a0a0-0000-7000-8000-000000000003 */
  id!: string;

  @ApiProperty({ enum: CHANNEL_NAMES, example: 'webhook' })
  channel!: Channel;

  /**
   * Normalised address; for a push target, a name in place of its token.
   * @example https://hooks.example.com/alerts
   */
  target!: string;

  @ApiProperty({ enum: STATUSES, example: 'active' })
  status!: 'pending' | 'active' | 'disabled';

  /** Reason why the target is disabled: `gone`, `failing`, `unsubscribed`, `bounced`, `token_gone`, `asked_to_stop`. */
  reason!: string | null;

  /**
   * Reply of the mail server about a bounced address.
   * @example Can't send mail: 550 5.1.1 no such user
   */
  detail!: string | null;

  /** Time since which the target is disabled. */
  since!: string | null;

  /** Number of consecutive failed attempts. */
  failures!: number;

  /** End of the pause of a failing endpoint, before which no message is sent. */
  pausedUntil!: string | null;

  /** @example 2026-11-20T09:00:00.000Z */
  createdAt!: string;

  verifiedAt!: string | null;
}

export class TargetList {
  data!: TargetView[];
}

export class RotateSecretBody {
  /**
   * Endpoint whose secret is replaced; optional for users with only one endpoint.
   * @example https://hooks.example.com/alerts
   */
  @IsOptional()
  @IsString()
  @MaxLength(2_048)
  target?: string;
}

/** Secret that currently signs messages. */
class ValidSecretView {
  /**
   * Last four characters of the secret.
   * @example LSw=
   */
  last4!: string;

  /** @example 2026-11-20T09:00:00.000Z */
  createdAt!: string;

  /** Time until which the secret signs in addition to the current one; null: it is the current secret. */
  validUntil!: string | null;
}

/** Secrets that sign the messages to one endpoint (Standard Webhooks). */
export class WebhookSecretsView {
  /** @example https://hooks.example.com/alerts */
  target!: string;

  /** Creation time of the current secret. */
  createdAt!: string;

  /** Time until which the previous secret signs, too; null: there is none. */
  previousValidUntil!: string | null;

  /** Secrets that sign, the current one first. */
  secrets!: ValidSecretView[];
}

export class NewWebhookSecretView extends WebhookSecretsView {
  /**
   * New secret, shown only in this answer.
   * @example whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
   */
  secret!: string;
}

export class WebhookSecretList {
  data!: WebhookSecretsView[];
}

export class PushKeyView {
  /**
   * Public key: `applicationServerKey` for PushManager.subscribe.
   * @example BIPsz7Qy1KqQ9gZvP7Lwq6sQ
   */
  publicKey!: string;
}
