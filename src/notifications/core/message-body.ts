import type { AlertMessage, MessageType, SystemType } from './delivery.js';

/** Receivers of Standard Webhooks may refuse more. */
const LARGEST_BYTES = 20_000;

export interface Envelope {
  type: MessageType | SystemType;
  /** ISO 8601: when the message was made, the same in every attempt. */
  timestamp: string;
  data: object;
}

/** The JSON of a message, without the explanation where it would be over 20 KB. */
export function messageBody(envelope: Envelope): string {
  const body = JSON.stringify(envelope);
  if (Buffer.byteLength(body) <= LARGEST_BYTES) return body;
  return JSON.stringify({ ...envelope, data: { ...envelope.data, explanation: { omitted: true } } });
}

const COLORS: Record<AlertMessage['state'], number> = { fired: 0xd64545, resolved: 0x2f9e62, summary: 0x8a8f98 };

/** What Slack's incoming webhooks take. Its three control characters are escaped: a name can neither link nor mention. */
export function slackBody(title: string, text: string): string {
  const escape = (part: string): string =>
    part.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').slice(0, 2_900);
  return JSON.stringify({
    text: escape(title),
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: `*${escape(title)}*` } },
      { type: 'section', text: { type: 'plain_text', text: text.slice(0, 2_900) || ' ' } },
    ],
  });
}

/** What Discord's webhooks take. Nobody is mentioned, whatever the text says. */
export function discordBody(title: string, text: string, state: AlertMessage['state']): string {
  return JSON.stringify({
    embeds: [{ title: title.slice(0, 256), description: text.slice(0, 4_000), color: COLORS[state] }],
    allowed_mentions: { parse: [] },
  });
}
