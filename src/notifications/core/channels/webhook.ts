import { HIDDEN, hookOf } from '../hook-forms.js';
import type { ChannelDefinition } from './definition.js';

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

/** Signed POSTs to users' endpoints, and to the hooks of chats and pagers. */
export const WEBHOOK: ChannelDefinition = {
  /**
   * Hooks of chats and pagers count as proven: their URL or key is known only to people who were given it, and these
   * services do not echo a challenge.
   */
  normalise: (text, { shown, unproven, url }) => {
    if (text.includes(HIDDEN)) return { target: text.trim(), status: 'active', reference: true };
    const address = text.startsWith('pagerduty:') ? text.trim() : url(text);
    const hook = hookOf(address, shown);
    if (hook !== undefined) return { target: hook.shown, secret: address, status: 'active', host: hook.kind };
    if (address.startsWith('pagerduty:')) return { fault: 'a PagerDuty target must be pagerduty: and a routing key' };
    const { host } = new URL(address);
    // Other addresses of Telegram would show their token, and they answer no proof.
    if (host === 'api.telegram.org') {
      return { fault: 'a Telegram target must be https://api.telegram.org/bot<token>/sendMessage?chat_id=<id>' };
    }
    return { target: address, status: unproven, host };
  },
  key: (target) => target,
  proof: {
    type: 'endpoint.verify',
    byLink: false,
    byCode: true,
    data: (challenge, code) => ({ challenge, code }),
  },
  retryWaitsMs: [
    5 * SECOND_MS,
    MINUTE_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    10 * HOUR_MS,
  ],
  lanes: {
    main: { name: 'deliver-webhook', concurrency: 100 },
    // Because responses may take 10 s, a few hundred dead endpoints would otherwise occupy all workers.
    slow: { name: 'deliver-webhook-slow', concurrency: 16 },
  },
  limits: {
    setting: 'webhookRate',
    per: 'minute',
    reason: 'endpoint_rate',
    sendsTogether: false,
    limitsHosts: true,
  },
  onDead: 'warn',
  hasBreaker: true,
  isSigned: true,
  hasShortNames: true,
  hasFormats: true,
  isCollected: false,
  hasUnsubscribe: false,
};
