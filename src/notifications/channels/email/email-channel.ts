import { Injectable } from '@nestjs/common';
import { sha256 } from '../../core/ids.js';
import type { Outcome } from '../../core/outcome.js';
import { safeReason } from '../../core/safe-reason.js';
import { alertsIn } from '../../core/storm-message.js';
import type { ClaimedDelivery } from '../../core/delivery-row.js';
import { HandOverLate } from '../../core/hand-over.js';
import { noted, Templates, type LinkedMessage } from '../../templates/templates.js';
import { SecretBox } from '../../../platform/secrets/secret-box.js';
import { Settings } from '../../../platform/settings/settings.js';
import { NotificationChannel, type HandOver } from '../notification-channel.js';
import { PublicLinks } from '../../templates/public-links.js';
import { confirmContext } from '../../core/secret-contexts.js';
import { digestMail } from './digest-mail.js';
import { MailTransport } from './mail-transport.js';
import type { RenderedMessage } from '../../templates/template-engine.js';

/** Maximum length of lists in a mail, UTF-16 code units: enough for all items that a message has. */
const MAX_LIST_LENGTH = 40_000;

/**
 * Sends mails over SMTP, as text and HTML. All mails except those about the account have one-click unsubscribe (RFC
 * 8058).
 */
@Injectable()
export class EmailChannel extends NotificationChannel {
  private readonly from: string;
  private readonly domain: string;

  constructor(
    private readonly transport: MailTransport,
    private readonly templates: Templates,
    private readonly links: PublicLinks,
    private readonly box: SecretBox,
    settings: Settings,
  ) {
    super();
    this.domain = new URL(links.base).hostname;
    this.from = settings.mailFrom ?? `alerts@${this.domain}`;
  }

  async send(delivery: ClaimedDelivery, handOver: HandOver): Promise<Outcome> {
    const alerts = delivery.type.startsWith('alert.') || delivery.type === 'test';
    const unsubscribe = alerts ? this.links.unsubscribe(delivery.targetId) : undefined;
    const { fallback, ...content } = await this.content(delivery, unsubscribe);
    try {
      const mail = {
        from: this.from,
        to: { name: '', address: delivery.target },
        ...content,
        messageId: `<${mailId(delivery)}@${this.domain}>`,
        headers: {
          'X-Delivery-Id': delivery.id,
          'Auto-Submitted': 'auto-generated',
          ...(unsubscribe && {
            'List-Unsubscribe': { prepared: true, value: `<${unsubscribe}>` },
            'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
          }),
        },
      };
      const response = await this.transport.send(delivery.id, mail, { handOver });
      return noted({ result: 'delivered', detail: response, via: 'mail' }, fallback);
    } catch (error) {
      if (error instanceof HandOverLate) throw error;
      return mailFailure(error);
    }
  }

  private async content(delivery: ClaimedDelivery, unsubscribe = ''): Promise<RenderedMessage> {
    // In order of time, regardless of which delivery leads the digest: the last message about a subject then has its
    // current state.
    const all = [delivery, ...delivery.members].toSorted((one, other) => one.position - other.position);
    const alone = all.length === 1;
    const rendered = await Promise.all(all.map((each) => this.render(each, alone ? unsubscribe : '', alone)));
    const [only] = rendered;
    const count = all.reduce((sum, { data }) => sum + alertsIn(data), 0);
    const { subject, text, html, fallback } =
      alone && only !== undefined ? only : digestMail(rendered, count, unsubscribe);
    return { subject, text, html, ...(fallback === undefined ? {} : { fallback }) };
  }

  private render(
    { userId, template, type, data, targetId, createdAt }: ClaimedDelivery,
    unsubscribe: string,
    linksInText: boolean,
  ): Promise<LinkedMessage> {
    // Recognised by its type, because alerts also have a member `token`: that of their price.
    if (type === 'target.confirm') {
      const sealed = 'token' in data ? String(data.token) : '';
      const confirm = this.links.confirm(this.box.open(sealed, confirmContext(targetId)));
      return this.templates.render({ userId, template, type, data: {}, links: { confirm } });
    }
    const links: Record<string, string> = unsubscribe === '' ? {} : { unsubscribe };
    return this.templates.render({
      userId,
      template,
      type,
      data,
      links,
      createdAt,
      room: MAX_LIST_LENGTH,
      linksInText,
    });
  }
}

/**
 * Returns the id of a mail. It is the same in every attempt, so that a mailbox can recognise a repetition; for a digest
 * it does not depend on which message leads. A digest that has grown since the last attempt gets another id, because a
 * mailbox would otherwise hide the new messages.
 */
function mailId({ id, members }: ClaimedDelivery): string {
  if (members.length === 0) return id;
  const ids = [id, ...members.map((member) => member.id)].sort();
  return sha256(ids.join()).toString('hex');
}

/**
 * SMTP status of a missing mailbox, at the beginning of the reply; 5.1.7 and 5.1.8 are about the sender and are excluded.
 */
const NO_SUCH_MAILBOX = /^5\d\d[ -]5\.1\.(?:0|1|2|3|4|5|6|9|10)(?!\d)/;
/** SMTP status of a mail that is too large or has unsupported content: it will never be accepted. */
const UNTAKABLE = /^5\d\d[ -]5\.(?:2\.3|3\.4|6\.\d+)(?!\d)/;

/**
 * Returns the outcome of a failed mail. Only a missing mailbox counts as a fault of the address. Policies, block lists,
 * full mailboxes, refused senders and failed logins may change: such mails are retried, and operators see the reason.
 */
function mailFailure(error: unknown): Outcome {
  const { responseCode, response = '', command, code } = error as SmtpError;
  const detail = code === 'EABORT' ? 'the mail server took too long' : safeReason(error);
  const known = { detail, ...(responseCode === undefined ? {} : { statusCode: responseCode }) };
  const about = command === 'RCPT TO' || command === 'DATA';
  if (about && NO_SUCH_MAILBOX.test(response)) return { result: 'rejected', ...known, bounced: detail };
  if (command === 'DATA' && UNTAKABLE.test(response)) return { result: 'rejected', ...known };
  return { result: 'failed', ...known, trouble: { of: 'mail', detail } };
}

interface SmtpError {
  responseCode?: number;
  response?: string;
  command?: string;
  code?: string;
}
