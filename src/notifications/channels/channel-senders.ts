import { Injectable, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Channel } from '../core/channels/catalogue.js';
import { EmailChannel } from './email/email-channel.js';
import type { NotificationChannel } from './notification-channel.js';
import { PushChannel } from './push/push-channel.js';
import { WebhookChannel } from './webhook/webhook-channel.js';

/** Sender classes by channel. */
export const SENDERS = {
  email: EmailChannel,
  webhook: WebhookChannel,
  push: PushChannel,
} as const satisfies Record<Channel, Type<NotificationChannel>>;

/** Senders of the channels by name. */
@Injectable()
export class ChannelSenders {
  constructor(private readonly module: ModuleRef) {}

  of(channel: Channel): NotificationChannel {
    return this.module.get<NotificationChannel>(SENDERS[channel]);
  }
}
