import { cutText } from './cut-text.js';
import type { AlertMessage, MessageType, SystemType } from './delivery.js';

/** Receivers of Standard Webhooks may refuse more. */
const LARGEST_BYTES = 20_000;

export interface Envelope {
  type: MessageType | SystemType;
  /** ISO 8601: when the message was made, the same in every attempt. */
  timestamp: string;
  data: object;
}

/** The JSON of a message, without the explanation where it would be over 20 KB; then a long text, too, is cut. */
export function messageBody(envelope: Envelope): string {
  const whole = JSON.stringify(envelope);
  if (fits(whole)) return whole;
  const data: Record<string, unknown> = { ...envelope.data, explanation: { omitted: true } };
  const { message } = data;
  let body = JSON.stringify({ ...envelope, data });
  if (typeof message !== 'string') return body;
  // A template of the user's own makes texts of any length.
  for (let length = LARGEST_BYTES; !fits(body) && length > 0; length >>= 1) {
    body = JSON.stringify({ ...envelope, data: { ...data, message: cutText(message, length) } });
  }
  return body;
}

function fits(body: string): boolean {
  return Buffer.byteLength(body) <= LARGEST_BYTES;
}

const COLORS: Record<AlertMessage['state'], number> = {
  fired: 0xd64545,
  resolved: 0x2f9e62,
  summary: 0x8a8f98,
  test: 0x2457d6,
};

/** What Slack's incoming webhooks take. Its three control characters are escaped: a name can neither link nor mention. */
export function slackBody(title: string, text: string): string {
  const escape = (part: string): string =>
    cutText(part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;'), 2_900);
  return JSON.stringify({
    text: escape(title),
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: `*${escape(title)}*` } },
      { type: 'section', text: { type: 'plain_text', text: cutText(text, 2_900) || ' ' } },
    ],
  });
}

/** What Discord's webhooks take. Nobody is mentioned, whatever the text says. */
export function discordBody(title: string, text: string, state: AlertMessage['state']): string {
  return JSON.stringify({
    embeds: [{ title: cutText(title, 256), description: cutText(text, 4_000), color: COLORS[state] }],
    allowed_mentions: { parse: [] },
  });
}
