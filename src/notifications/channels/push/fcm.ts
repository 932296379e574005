import { createHash } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { getGlobalDispatcher, request } from 'undici';
import type { Outcome } from '../../core/outcome.js';
import type { ClaimedDelivery } from '../../core/delivery-row.js';
import { Clock } from '../../../platform/clock/clock.js';
import { Settings } from '../../../platform/settings/settings.js';
import { askBeforeSending } from '../../egress/ask-before-sending.js';
import { headOf } from '../../egress/head-of.js';
import { answerOutcome, failureOutcome } from '../http-outcome.js';
import type { HandOver } from '../notification-channel.js';
import { GoogleAccess } from './google-access.js';
import { secondsLeft, shownAndPayload, type PushContent } from './push-content.js';
import { readServiceAccount, type ServiceAccount } from './service-account.js';

const POST_TIMEOUT_MS = 10_000;
const UNSET = 'FCM_SERVICE_ACCOUNT is not set';

/**
 * Firebase Cloud Messaging, HTTP v1: one POST per token. The operator sets its addresses, so the egress policy does not
 * apply.
 */
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

  async send(delivery: ClaimedDelivery, token: string, content: PushContent, handOver: HandOver): Promise<Outcome> {
    if (this.account === undefined || this.access === undefined) {
      return { result: 'rejected', detail: UNSET, trouble: { of: 'fcm', detail: UNSET } };
    }
    const now = this.clock.now();
    try {
      const answer = await request(this.account.sendUrl, {
        method: 'POST',
        dispatcher: askBeforeSending(getGlobalDispatcher(), handOver),
        headers: {
          authorization: `Bearer ${await this.access.accessToken(now)}`,
          'content-type': 'application/json',
        },
        body: JSON.stringify({ message: fcmMessage(delivery, token, content, now) }),
        signal: AbortSignal.timeout(POST_TIMEOUT_MS),
      });
      const head = await headOf(answer, POST_TIMEOUT_MS);
      if (answer.statusCode === 401) this.access.forget();
      return fcmOutcome(answerOutcome({ status: answer.statusCode, headers: answer.headers, head }, now));
    } catch (error) {
      const outcome = failureOutcome(error);
      return { ...outcome, trouble: { of: 'fcm', detail: outcome.detail ?? 'no answer' } };
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

/**
 * Refines an outcome by Google's own error codes. Only a token that is unregistered or invalid, or belongs to another
 * sender, disables the device. An invalid argument is final for this message. Every other error, including a response
 * that is not from FCM, is an outage or a fault of our configuration.
 */
function fcmOutcome(outcome: Outcome): Outcome {
  if (outcome.result === 'delivered') return { ...outcome, via: 'fcm' };
  const { status, code, message, fields } = fcmError(outcome.responseHead ?? '');
  const detail = [outcome.detail, code ?? status].filter((part) => part !== undefined).join(': ');
  const gone = code === undefined ? undefined : GONE[code];
  if (gone !== undefined) return { ...outcome, detail, result: 'rejected', gone };
  if (code === 'INVALID_ARGUMENT' || (status === 'INVALID_ARGUMENT' && outcome.statusCode === 400)) {
    const token = fields.includes('message.token') || /registration token/i.test(message);
    return { ...outcome, detail, result: 'rejected', ...(token ? { gone: 'token_invalid' } : {}) };
  }
  return { ...outcome, detail, result: 'failed', trouble: { of: 'fcm', detail: message === '' ? detail : message } };
}

const GONE: Readonly<Record<string, string>> = { UNREGISTERED: 'token_gone', SENDER_ID_MISMATCH: 'sender_mismatch' };

interface FcmError {
  status?: string;
  /** FCM's own error code, from the details of the error. */
  code?: string;
  message: string;
  /** Arguments that FCM reports as invalid. */
  fields: string[];
}

function fcmError(body: string): FcmError {
  const none: FcmError = { message: '', fields: [] };
  try {
    const { error } = JSON.parse(body) as { error?: { status?: unknown; message?: unknown; details?: unknown } };
    const details = Array.isArray(error?.details) ? (error.details as Record<string, unknown>[]) : [];
    const code = details.map((detail) => detail?.['errorCode']).find((each) => typeof each === 'string');
    const violations = details.flatMap((detail) => {
      const found = detail?.['fieldViolations'];
      return Array.isArray(found) ? (found as { field?: unknown }[]) : [];
    });
    return {
      ...(typeof error?.status === 'string' ? { status: error.status } : {}),
      ...(typeof code === 'string' ? { code } : {}),
      message: typeof error?.message === 'string' ? error.message.slice(0, 300) : '',
      fields: violations.map(({ field }) => String(field)),
    };
  } catch {
    return none;
  }
}
