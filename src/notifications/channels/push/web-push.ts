import { createHash } from 'node:crypto';
import { Injectable, Logger } from '@nestjs/common';
import webPush from 'web-push';
import type { Outcome } from '../../core/outcome.js';
import type { PushSubscription } from '../../core/channels/push.js';
import type { ClaimedDelivery } from '../../core/delivery-row.js';
import type { HandOver } from '../notification-channel.js';
import { GuardedClient } from '../../egress/guarded-client.js';
import { Clock } from '../../../platform/clock/clock.js';
import { Settings } from '../../../platform/settings/settings.js';
import { answerOutcome, failureOutcome } from '../http-outcome.js';
import { PublicLinks } from '../../templates/public-links.js';
import { pushPayload, secondsLeft, type PushContent } from './push-content.js';
import { vapidKeys, type VapidKeys } from './vapid-keys.js';
import { vapidSubject } from './vapid-subject.js';

const GONE = new Set([404, 410]);
const VAPID = 'a push service refuses the VAPID key pair, or its sender';
const OFF = 'Web Push is off: it needs MAIL_FROM with a public address, or a public PUBLIC_URL with https';
const URGENCY = { low: 'low', normal: 'normal', high: 'high', critical: 'high' } as const;

/**
 * Web Push (RFC 8030, 8291, 8292). The library encrypts and signs; the guarded client sends, because users choose the
 * endpoints.
 */
@Injectable()
export class WebPush {
  private readonly keys: VapidKeys;
  /** Contact for push services, which refuse messages without one. */
  private readonly subject: string | undefined;

  constructor(
    settings: Settings,
    links: PublicLinks,
    private readonly client: GuardedClient,
    private readonly clock: Clock,
  ) {
    this.keys = vapidKeys(settings);
    this.subject = vapidSubject(links.base, settings.mailFrom);
    if (this.subject === undefined) new Logger(WebPush.name).warn(OFF);
  }

  /** Public key with which a browser subscribes. */
  get publicKey(): string {
    return this.keys.publicKey;
  }

  async send(
    delivery: ClaimedDelivery,
    subscription: PushSubscription,
    content: PushContent,
    handOver: HandOver,
  ): Promise<Outcome> {
    if (this.subject === undefined) return { result: 'rejected', detail: OFF };
    try {
      const { endpoint, headers, body } = webPush.generateRequestDetails(subscription, pushPayload(content), {
        vapidDetails: { subject: this.subject, ...this.keys },
        TTL: secondsLeft(delivery, this.clock.now()),
        urgency: URGENCY[delivery.priority],
        // A message replaces an older one about the same subject that the device has not shown yet.
        topic: createHash('sha256').update(delivery.collapseKey).digest('base64url').slice(0, 32),
      });
      const texts = Object.fromEntries(
        Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value as string | number)]),
      );
      delete texts['content-length'];
      const answer = await this.client.post(endpoint, texts, body, { beforeSending: handOver });
      const outcome = answerOutcome(answer, this.clock.now());
      if (outcome.result === 'delivered') return { ...outcome, via: 'web_push' };
      if (GONE.has(answer.status)) return { ...outcome, result: 'rejected', gone: 'token_gone' };
      if (answer.status === 401 || answer.status === 403)
        return { ...outcome, trouble: { of: 'web_push', detail: VAPID } };
      return answer.status === 400 || answer.status === 413 ? { ...outcome, result: 'rejected' } : outcome;
    } catch (error) {
      return failureOutcome(error);
    }
  }
}
