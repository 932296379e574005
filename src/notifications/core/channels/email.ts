import type { ChannelDefinition } from './definition.js';

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;

const MAX_MAIL_LENGTH = 254;
/**
 * Form of a mail address, deliberately strict: no quoted parts, comments or address literals, and no character that could
 * start a new mail header.
 */
const MAIL =
  /^[a-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$/i;

/** Mails to addresses that were confirmed by a link. */
export const EMAIL: ChannelDefinition = {
  normalise: (text, { unproven }) => {
    const target = mailAddress(text);
    if (target === undefined) return { fault: 'an email target must be an address such as ann@example.com' };
    return { target, status: unproven };
  },
  // Mailbox names are compared regardless of case.
  key: (target) => target.toLowerCase(),
  proof: {
    type: 'target.confirm',
    byLink: true,
    byCode: false,
    data: (token, _code, seal) => ({ token: seal(token) }),
  },
  retryWaitsMs: [MINUTE_MS, 5 * MINUTE_MS, 15 * MINUTE_MS, HOUR_MS, 4 * HOUR_MS],
  lanes: { main: { name: 'deliver-email', concurrency: 16 } },
  // As wide as the connections to the mail server, so that no mail waits there; a user leaves some of them to the others.
  turns: { most: 8, perReceiver: 4, perUser: 6 },
  limits: {
    setting: 'mailDaily',
    per: 'day',
    reason: 'mail_daily',
    sendsTogether: true,
    limitsHosts: false,
    unproven: { ofUser: 10, ofTarget: 5, noun: 'mail addresses' },
  },
  onDead: 'keep',
  hasBreaker: false,
  isSigned: false,
  hasShortNames: false,
  hasFormats: false,
  isCollected: true,
  hasUnsubscribe: true,
};

/** Returns the address with its domain in lower case; undefined for other texts. */
export function mailAddress(text: string): string | undefined {
  const trimmed = text.trim();
  if (trimmed.length > MAX_MAIL_LENGTH || !MAIL.test(trimmed)) return undefined;
  const [local = '', domain = ''] = trimmed.split('@');
  if (local.startsWith('.') || local.endsWith('.') || local.includes('..')) return undefined;
  return `${local}@${domain.toLowerCase()}`;
}
