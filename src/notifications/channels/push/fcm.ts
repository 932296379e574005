import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { request } from 'undici';
import type { Outcome } from '../../core/outcome.js';
import type { ClaimedDelivery } from '../../deliveries/delivery-row.js';
import { Clock } from '../../../platform/clock/clock.js';
import { Settings } from '../../../platform/settings/settings.js';
import { answerOutcome, failureOutcome } from '../http-outcome.js';
import { GoogleAccess } from './google-access.js';
import { secondsLeft, shownAndPayload, type PushContent } from './push-content.js';
import { readServiceAccount, type ServiceAccount } from './service-account.js';

const PATIENCE_MS = 10_000;
const HEAD = 4_096;

/** Firebase Cloud Messaging, HTTP v1: one POST per token. Its addresses are the operator's, so nothing guards them. */
@Injectable()
export class Fcm {
  private readonly account: ServiceAccount | undefined;
  private readonly access: GoogleAccess | undefined;

  constructor(
    settings: Settings,
    private readonly clock: Clock,
  ) {
    this.account =
      settings.fcmServiceAccount === undefined ? undefined : readServiceAccount(settings.fcmServiceAccount);
    this.access = this.account && new GoogleAccess(this.account);
  }

  async send(delivery: ClaimedDelivery, token: string, content: PushContent): Promise<Outcome> {
    if (this.account === undefined || this.access === undefined) {
      return { result: 'rejected', detail: 'FCM_SERVICE_ACCOUNT is not set' };
    }
    const now = this.clock.now();
    try {
      const answer = await request(this.account.sendUrl, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${await this.access.accessToken(now)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ message: fcmMessage(delivery, token, content, now) }),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      const head = (await answer.body.text()).slice(0, HEAD);
      if (answer.statusCode === 401) this.access.forget();
      return fcmOutcome(answerOutcome({ status: answer.statusCode, headers: answer.headers, head }, now));
    } catch (error) {
      return failureOutcome(error);
    }
  }
}

function fcmMessage(delivery: ClaimedDelivery, token: string, content: PushContent, now: number): object {
  const { shown, payload } = shownAndPayload(content);
  const urgent = delivery.priority === 'high' || delivery.priority === 'critical';
  const collapse = createHash('sha256').update(delivery.collapseKey).digest('base64url').slice(0, 32);
  const ttl = secondsLeft(delivery, now);
  return {
    token,
    notification: shown,
    data: { deliveryId: delivery.id, type: delivery.type, payload },
    android: {
      collapse_key: collapse,
      ttl: `${ttl}s`,
      priority: urgent ? 'HIGH' : 'NORMAL',
      notification: { tag: collapse },
    },
    apns: {
      headers: {
        'apns-collapse-id': collapse,
        'apns-expiration': String(Math.floor(now / 1_000) + ttl),
        'apns-priority': urgent ? '10' : '5',
      },
    },
  };
}

/** Google's own codes: an unregistered token is dead, an invalid argument stays invalid. */
function fcmOutcome(outcome: Outcome): Outcome {
  if (outcome.result === 'delivered') return outcome;
  const { statusCode, responseHead = '' } = outcome;
  const detail = `${outcome.detail}${errorCode(responseHead)}`;
  if (statusCode === 404 || responseHead.includes('"UNREGISTERED"')) {
    return { ...outcome, detail, result: 'rejected', gone: 'token_gone' };
  }
  return { ...outcome, detail, result: statusCode === 400 || statusCode === 403 ? 'rejected' : 'failed' };
}

function errorCode(body: string): string {
  const found = /"(?:errorCode|status)":\s*"([A-Z_]{1,64})"/.exec(body);
  return found === null ? '' : `: ${found[1]}`;
}
