import { Injectable } from '@nestjs/common';
import type { AlertMessage } from '../../core/delivery.js';
import { discordBody, messageBody, slackBody } from '../../core/message-body.js';
import type { Outcome } from '../../core/outcome.js';
import { signedHeaders } from '../../core/webhook-signature.js';
import type { ClaimedDelivery } from '../../deliveries/delivery-row.js';
import { GuardedClient } from '../../egress/guarded-client.js';
import { noted, Templates, type RenderedMessage } from '../../templates/templates.js';
import { Clock } from '../../../platform/clock/clock.js';
import { SecretBox } from '../../../platform/secrets/secret-box.js';
import { secretContext } from '../../targets/webhook-secrets.js';
import { answerOutcome, failureOutcome, single } from '../http-outcome.js';
import { NotificationChannel } from '../notification-channel.js';

const GONE = 410;

/** Signed POSTs to users' endpoints, by Standard Webhooks 1.0; Slack's and Discord's own shapes on request. */
@Injectable()
export class WebhookChannel extends NotificationChannel {
  readonly channel = 'webhook';

  constructor(
    private readonly client: GuardedClient,
    private readonly secrets: SecretBox,
    private readonly templates: Templates,
    private readonly clock: Clock,
  ) {
    super();
  }

  async send(delivery: ClaimedDelivery): Promise<Outcome> {
    const proves = delivery.type === 'endpoint.verify';
    const { body, fallback } = await this.content(delivery);
    const keys = delivery.sealedSecrets.map((sealed) => this.secrets.open(sealed, secretContext(delivery.targetId)));
    const headers = {
      'content-type': 'application/json',
      'user-agent': 'defi-realtime-webhooks/1.0 (+https://www.standardwebhooks.com)',
      ...signedHeaders(delivery.id, body, keys, this.clock.now()),
    };
    try {
      if (proves) await this.client.checkName(delivery.target);
      const answer = await this.client.post(delivery.target, headers, body, { whole: proves });
      const outcome = answerOutcome(answer, this.clock.now());
      if (proves) return proof(outcome, delivery);
      return noted(controlled(outcome, single(answer.headers['webhook-delivery'])), fallback);
    } catch (error) {
      return failureOutcome(error);
    }
  }

  private async content({ type, createdAt, data, format, template, userId }: ClaimedDelivery): Promise<Content> {
    const envelope = { type, timestamp: createdAt.toISOString(), data };
    if (type === 'endpoint.verify') return { body: messageBody(envelope) };
    const links = this.templates.linksOf(userId, data);
    if (format === null && template === null) return { body: messageBody({ ...envelope, data: { ...data, links } }) };
    const rendered = await this.templates.render({ userId, template, type, data, createdAt, linksInText: false });
    const { subject, text, fallback } = rendered;
    const chat = { title: subject, text, links: rendered.links };
    if (format === 'slack') return { body: slackBody(chat), fallback };
    if (format === 'discord') return { body: discordBody(chat, stateOf(data)), fallback };
    return { body: messageBody({ ...envelope, data: { ...data, message: text, links } }), fallback };
  }
}

/** What is posted, and why it is not what a template makes. */
interface Content {
  body: string;
  fallback?: RenderedMessage['fallback'];
}

/** An endpoint belongs to who asked for it when its answer holds the challenge. */
function proof(outcome: Outcome, { data }: ClaimedDelivery): Outcome {
  if (outcome.result !== 'delivered') return outcome;
  const challenge = 'challenge' in data ? String(data.challenge) : '';
  if (challenge !== '' && outcome.responseHead?.includes(challenge)) return { ...outcome, verified: true };
  return { ...outcome, result: 'failed', detail: 'the answer does not hold the challenge' };
}

/** Receivers may end things themselves: 410, or the header `webhook-delivery: disable | abort-message`. */
function controlled(outcome: Outcome, control: string | undefined): Outcome {
  if (outcome.statusCode === GONE || control === 'disable') {
    const result = outcome.result === 'delivered' ? 'delivered' : 'rejected';
    return { ...outcome, result, gone: outcome.statusCode === GONE ? 'gone' : 'asked_to_stop' };
  }
  if (control === 'abort-message' && outcome.result !== 'delivered') return { ...outcome, result: 'rejected' };
  return outcome;
}

function stateOf(data: object): AlertMessage['state'] {
  const state = 'state' in data ? data.state : 'fired';
  return state === 'resolved' || state === 'summary' || state === 'test' ? state : 'fired';
}
