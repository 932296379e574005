import { Injectable } from '@nestjs/common';
import { shownKind } from '../../core/hook-forms.js';
import { messageBody } from '../../core/message-body.js';
import type { Outcome } from '../../core/outcome.js';
import { signedHeaders } from '../../core/webhook-signature.js';
import type { ClaimedDelivery } from '../../core/delivery-row.js';
import { GuardedClient } from '../../egress/guarded-client.js';
import { noted, Templates, type FALLBACK_NOTES } from '../../templates/templates.js';
import { Clock } from '../../../platform/clock/clock.js';
import { SecretBox } from '../../../platform/secrets/secret-box.js';
import { answerOutcome, failureOutcome, single } from '../http-outcome.js';
import { NotificationChannel, type HandOver } from '../notification-channel.js';
import { secretContext, targetContext } from '../../core/secret-contexts.js';
import { endpointOf, isJson, shaped, verifyBody } from './shapes.js';

const GONE = 410;

/**
 * Sends signed POSTs to users' endpoints according to Standard Webhooks 1.0, or on request in the formats of chats and
 * pagers, or as a user's own JSON.
 */
@Injectable()
export class WebhookChannel extends NotificationChannel {
  constructor(
    private readonly client: GuardedClient,
    private readonly secrets: SecretBox,
    private readonly templates: Templates,
    private readonly clock: Clock,
  ) {
    super();
  }

  async send(delivery: ClaimedDelivery, handOver: HandOver): Promise<Outcome> {
    const proves = delivery.type === 'endpoint.verify';
    const address = this.address(delivery);
    const { body, fallback } = await this.content(delivery, address);
    const keys = delivery.sealedSecrets.map((sealed) => this.secrets.open(sealed, secretContext(delivery.targetId)));
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'defi-realtime-webhooks/1.0 (+https://www.standardwebhooks.com)',
      ...signedHeaders(delivery.id, body, keys, this.clock.now()),
    };
    try {
      const endpoint = endpointOf(address);
      if (proves) await this.client.checkName(endpoint);
      const answer = await this.client.post(endpoint, headers, body, { whole: proves, beforeSending: handOver });
      const outcome = answerOutcome(answer, this.clock.now());
      if (proves) return proof(outcome, delivery);
      return noted(controlled(outcome, single(answer.headers['webhook-delivery'])), fallback);
    } catch (error) {
      return failureOutcome(error);
    }
  }

  /** Returns the complete URL of a hook whose URL is shown only in part. */
  private address({ sealedTarget, targetId, target }: ClaimedDelivery): string {
    return sealedTarget === null ? target : this.secrets.open(sealedTarget, targetContext(targetId));
  }

  private async content(delivery: ClaimedDelivery, address: string): Promise<Content> {
    const { type, createdAt, data, template, userId } = delivery;
    const envelope = { type, timestamp: createdAt.toISOString(), data };
    if (type === 'endpoint.verify') return { body: verifyBody(envelope) };
    const shape = delivery.format ?? shownKind(delivery.target) ?? 'standard';
    const links = this.templates.linksOf(userId, data);
    const own = messageBody({ ...envelope, data: { ...data, links } });
    if (shape === 'standard' && template === null) return { body: own };
    const request = { userId, template, type, data, createdAt, linksInText: false, marksTests: shape !== 'json' };
    const rendered = await this.templates.render(request);
    const { subject: title, text, fallback } = rendered;
    if (shape === 'standard')
      return { body: messageBody({ ...envelope, data: { ...data, message: text, links } }), fallback };
    if (shape !== 'json')
      return { body: shaped(shape, delivery, address, { title, text, links: rendered.links }), fallback };
    if (fallback === undefined && isJson(text)) return { body: text };
    // The standard body is better than no body for a receiver that expects the user's own JSON.
    return { body: own, fallback: fallback ?? 'json' };
  }
}

/** Content to post, and the reason if the template's output was replaced. */
interface Content {
  body: string;
  fallback?: keyof typeof FALLBACK_NOTES | undefined;
}

/**
 * Returns the outcome of a proof: an endpoint belongs to the user who registered it if its response contains the
 * challenge.
 */
function proof(outcome: Outcome, { data }: ClaimedDelivery): Outcome {
  if (outcome.result !== 'delivered') return outcome;
  const challenge = 'challenge' in data ? String(data.challenge) : '';
  if (challenge !== '' && outcome.responseHead?.includes(challenge)) return { ...outcome, verified: true };
  return { ...outcome, result: 'failed', detail: 'the answer does not contain the challenge' };
}

/** Applies instructions in the receiver's response: 410, or the header `webhook-delivery: disable | abort-message`. */
function controlled(outcome: Outcome, control: string | undefined): Outcome {
  if (outcome.statusCode === GONE || control === 'disable') {
    const result = outcome.result === 'delivered' ? 'delivered' : 'rejected';
    return { ...outcome, result, gone: outcome.statusCode === GONE ? 'gone' : 'asked_to_stop' };
  }
  if (control === 'abort-message' && outcome.result !== 'delivered') return { ...outcome, result: 'rejected' };
  return outcome;
}
