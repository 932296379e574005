import { Injectable } from '@nestjs/common';
import type { Outcome } from '../../core/outcome.js';
import { pushTarget } from '../../core/channels/push.js';
import type { ClaimedDelivery } from '../../core/delivery-row.js';
import { noted, Templates } from '../../templates/templates.js';
import { SecretBox } from '../../../platform/secrets/secret-box.js';
import { NotificationChannel, type HandOver } from '../notification-channel.js';
import { PublicLinks } from '../../templates/public-links.js';
import { targetContext } from '../../core/secret-contexts.js';
import { Fcm } from './fcm.js';
import type { PushContent } from './push-content.js';
import { WebPush } from './web-push.js';

type Device = Exclude<NonNullable<ReturnType<typeof pushTarget>>, { reference: string }>;

/** Sends to devices: a browser's PushSubscription or an FCM token; both are stored encrypted. */
@Injectable()
export class PushChannel extends NotificationChannel {
  constructor(
    private readonly webPush: WebPush,
    private readonly fcm: Fcm,
    private readonly templates: Templates,
    private readonly links: PublicLinks,
    private readonly box: SecretBox,
  ) {
    super();
  }

  async send(delivery: ClaimedDelivery, handOver: HandOver): Promise<Outcome> {
    const { userId, template, type, data, sealedTarget, targetId, createdAt } = delivery;
    const target = sealedTarget === null ? undefined : pushTarget(this.box.open(sealedTarget, targetContext(targetId)));
    if (target === undefined || 'reference' in target)
      return { result: 'rejected', detail: 'the token is no longer stored' };
    if (type === 'endpoint.verify') return this.post(delivery, target, this.proof(data), handOver);
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
    return noted(await this.post(delivery, target, content, handOver), fallback);
  }

  private post(delivery: ClaimedDelivery, target: Device, content: PushContent, handOver: HandOver): Promise<Outcome> {
    return 'token' in target
      ? this.fcm.send(delivery, target.token, content, handOver)
      : this.webPush.send(delivery, target.subscription, content, handOver);
  }

  /**
   * Returns the content of a proof. The device confirms by a POST to the address in `data`, or its owner enters the code
   * that the device shows.
   */
  private proof(data: object): PushContent {
    const [code, challenge] = [
      'code' in data ? String(data.code) : '',
      'challenge' in data ? String(data.challenge) : '',
    ];
    return {
      title: 'Confirm this device for alerts',
      body: `Code: ${code}`,
      data: { type: 'endpoint.verify', challenge, code, confirm: this.links.confirm(challenge) },
    };
  }
}
