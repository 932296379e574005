import { ApiProperty } from '@nestjs/swagger';
import { IsOptional, IsString, IsUUID, MaxLength } from 'class-validator';
import { CHANNEL_NAMES, type Channel } from '../core/channels/catalogue.js';

const STATUSES = ['pending', 'active', 'disabled'] as const;

export class TargetParams {
  @IsUUID()
  id!: string;
}

export class ConfirmBody {
  /**
   * Eight digits, as the hook or the device received them; spaces do not matter.
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
   * Normalised address; of a push target a name that stands for its token.
   * @example https://hooks.example.com/alerts
   */
  target!: string;

  @ApiProperty({ enum: STATUSES, example: 'active' })
  status!: 'pending' | 'active' | 'disabled';

  /** Reason why it is disabled: `gone`, `failing`, `unsubscribed`, `bounced`, `token_gone`, `asked_to_stop`. */
  reason!: string | null;

  /**
   * Words of the mail server about a bounced address.
   * @example Can't send mail: 550 5.1.1 no such user
   */
  detail!: string | null;

  /** Time since which it is disabled. */
  since!: string | null;

  /** Failed attempts in a row. */
  failures!: number;

  /** End of the pause of a failing endpoint: nothing is sent before it. */
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
   * Endpoint; optional for users with only one.
   * @example https://hooks.example.com/alerts
   */
  @IsOptional()
  @IsString()
  @MaxLength(2_048)
  target?: string;
}

/** Secret that signs messages. */
export class ValidSecretView {
  /**
   * End of the secret.
   * @example LSw=
   */
  last4!: string;

  /** @example 2026-11-20T09:00:00.000Z */
  createdAt!: string;

  /** Time until which it signs beside the current one; null: it is the current one. */
  validUntil!: string | null;
}

/** Secrets by which messages to an endpoint are signed, by Standard Webhooks. */
export class WebhookSecretsView {
  /** @example https://hooks.example.com/alerts */
  target!: string;

  /** Time of creation of the current one. */
  createdAt!: string;

  /** Time until which the secret before it signs, too; null: there is none. */
  previousValidUntil!: string | null;

  /** Secrets that sign, the current one first. */
  secrets!: ValidSecretView[];
}

export class NewWebhookSecretView extends WebhookSecretsView {
  /**
   * New secret; shown now and never again.
   * @example whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
   */
  secret!: string;
}

export class WebhookSecretList {
  data!: WebhookSecretsView[];
}

export class PushKeyView {
  /**
   * Key, the `applicationServerKey` for PushManager.subscribe.
   * @example BIPsz7Qy1KqQ9gZvP7Lwq6sQ
   */
  publicKey!: string;
}
