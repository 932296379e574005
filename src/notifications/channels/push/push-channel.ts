import { Injectable } from '@nestjs/common';
import type { Outcome } from '../../core/outcome.js';
import { pushTarget } from '../../core/target-forms.js';
import type { ClaimedDelivery } from '../../deliveries/delivery-row.js';
import { noted, Templates } from '../../templates/templates.js';
import { SecretBox } from '../../../platform/secrets/secret-box.js';
import { NotificationChannel } from '../notification-channel.js';
import { Fcm } from './fcm.js';
import { WebPush } from './web-push.js';

/** What a push token is sealed for. */
export function pushContext(targetId: string): string {
  return `push-target:${targetId}`;
}

/** Devices: a browser's PushSubscription or an FCM token, both kept sealed. */
@Injectable()
export class PushChannel extends NotificationChannel {
  readonly channel = 'push';

  constructor(
    private readonly webPush: WebPush,
    private readonly fcm: Fcm,
    private readonly templates: Templates,
    private readonly box: SecretBox,
  ) {
    super();
  }

  async send(delivery: ClaimedDelivery): Promise<Outcome> {
    const { userId, template, type, data, sealedTarget, targetId, createdAt } = delivery;
    const target = sealedTarget === null ? undefined : pushTarget(this.box.open(sealedTarget, pushContext(targetId)));
    if (target === undefined || 'reference' in target) return { result: 'rejected', detail: 'the token is gone' };
    const {
      subject: title,
      text: body,
      links,
      fallback,
    } = await this.templates.render({
      userId,
      template: template ?? 'brief',
      type,
      data,
      createdAt,
      linksInText: false,
    });
    const content = { title, body, data: { ...data, links } };
    const outcome = await ('token' in target
      ? this.fcm.send(delivery, target.token, content)
      : this.webPush.send(delivery, target.subscription, content));
    return noted(outcome, fallback);
  }
}
