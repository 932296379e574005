import { cutText } from './cut-text.js';
import type { AlertMessage, MessageType, SystemType } from './delivery.js';

/** Maximum size of a body, bytes: receivers of Standard Webhooks may refuse larger ones. */
const MAX_BYTES = 20_000;

export interface Envelope {
  type: MessageType | SystemType;
  /** Time at which the message was created, ISO 8601; the same in every attempt. */
  timestamp: string;
  data: object;
}

/** Returns the JSON of a message. Above 20 KB the explanation is omitted, and if that is not enough, the text is cut. */
export function messageBody(envelope: Envelope): string {
  const whole = JSON.stringify(envelope);
  if (fits(whole)) return whole;
  const data: Record<string, unknown> = { ...envelope.data, explanation: { omitted: true } };
  const { message } = data;
  let body = JSON.stringify({ ...envelope, data });
  if (typeof message !== 'string') return body;
  // Texts can have any length, because users write templates.
  for (let length = MAX_BYTES; !fits(body) && length > 0; length >>= 1) {
    body = JSON.stringify({ ...envelope, data: { ...data, message: cutText(message, length) } });
  }
  return body;
}

function fits(body: string): boolean {
  return Buffer.byteLength(body) <= MAX_BYTES;
}

const COLORS: Record<AlertMessage['state'], number> = {
  fired: 0xd64545,
  resolved: 0x2f9e62,
  summary: 0x8a8f98,
  retracted: 0x8a8f98,
  test: 0x2457d6,
};

/** Message for chats; `links` are by destination. */
export interface ChatMessage {
  title: string;
  text: string;
  links?: Readonly<Record<string, string>>;
}

const LINK_NAMES = { rule: 'Rule', history: 'History', snooze: 'Snooze' } as const;

/** Returns the links with names for people, in a fixed order. */
export function namedLinks(links: Readonly<Record<string, string>> = {}): { name: string; address: string }[] {
  return Object.entries(LINK_NAMES).flatMap(([key, name]) => {
    const address = links[key];
    return address === undefined ? [] : [{ name, address }];
  });
}

/**
 * Returns the body for Slack's incoming webhooks. Slack's three control characters are escaped, so that a name in the
 * text can neither link nor mention anyone.
 */
export function slackBody({ title, text, links }: ChatMessage): string {
  const escape = (part: string): string =>
    cutText(part, 500).replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const shownLinks = namedLinks(links).map(({ name, address }) => `<${address}|${name}>`);
  return JSON.stringify({
    text: escape(title),
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: `*${escape(title)}*` } },
      { type: 'section', text: { type: 'plain_text', text: cutText(text, 2_900) || ' ' } },
      ...(shownLinks.length === 0
        ? []
        : [{ type: 'context', elements: [{ type: 'mrkdwn', text: shownLinks.join(' · ') }] }]),
    ],
  });
}

/** Returns the body for Discord's webhooks. Mentions are disabled, whatever the text contains. */
export function discordBody({ title, text, links }: ChatMessage, state: AlertMessage['state']): string {
  const shownLinks = namedLinks(links).map(({ name, address }) => `[${name}](${address})`);
  const description = [cutText(text, 3_000), shownLinks.join(' · ')].filter((part) => part !== '').join('\n');
  return JSON.stringify({
    embeds: [{ title: cutText(title, 256), description, color: COLORS[state] }],
    allowed_mentions: { parse: [] },
  });
}
