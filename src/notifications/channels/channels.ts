import { Injectable } from '@nestjs/common';
import type { Channel } from '../core/delivery.js';
import { EmailChannel } from './email/email-channel.js';
import type { NotificationChannel } from './notification-channel.js';
import { PushChannel } from './push/push-channel.js';
import { WebhookChannel } from './webhook/webhook-channel.js';

/** Channels by name. */
@Injectable()
export class Channels {
  private readonly all: Record<Channel, NotificationChannel>;

  constructor(email: EmailChannel, webhook: WebhookChannel, push: PushChannel) {
    this.all = { email, webhook, push };
  }

  of(channel: Channel): NotificationChannel {
    return this.all[channel];
  }
}
