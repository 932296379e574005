import type { AlertMessage, Format } from '../../core/delivery.js';
import { pagerDutyBody, teamsBody, telegramBody } from '../../core/hook-bodies.js';
import { discordBody, messageBody, slackBody, type ChatMessage, type Envelope } from '../../core/message-body.js';
import type { ClaimedDelivery } from '../../core/delivery-row.js';

const PAGERDUTY = 'pagerduty:';
const PAGERDUTY_EVENTS = 'https://events.pagerduty.com/v2/enqueue';

/** Returns the URL to which the messages of a target are posted. */
export function endpointOf(address: string): string {
  return address.startsWith(PAGERDUTY) ? PAGERDUTY_EVENTS : address;
}

/** Returns a message in the format of the service behind `address`. */
export function shaped(
  shape: Exclude<Format, 'standard' | 'json'>,
  { type, data, priority, instanceKey, createdAt }: ClaimedDelivery,
  address: string,
  chat: ChatMessage,
): string {
  if (shape === 'slack') return slackBody(chat);
  if (shape === 'discord') return discordBody(chat, stateOf(data));
  if (shape === 'teams') return teamsBody(chat, stateOf(data));
  if (shape === 'telegram') return telegramBody(chat, new URL(address).searchParams);
  const routingKey = address.slice(PAGERDUTY.length);
  return pagerDutyBody(chat, { routingKey, instance: instanceKey, type, priority, data, at: createdAt.toISOString() });
}

/**
 * Returns the body that requests a proof. A receiver of the standard format echoes the challenge; a chat shows the text
 * with the code, which its owner enters. Services like Slack show `text`, services like Discord show `content`.
 */
export function verifyBody(envelope: Envelope): string {
  const code = 'code' in envelope.data ? String(envelope.data.code) : '';
  const text = `Confirmation code for alerts: ${code}`;
  return code === '' ? messageBody(envelope) : JSON.stringify({ ...envelope, text, content: text });
}

export function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

const SHOWN_STATES = ['resolved', 'summary', 'retracted', 'test'] as const;

function stateOf(data: object): AlertMessage['state'] {
  const state = 'state' in data ? data.state : undefined;
  return SHOWN_STATES.find((known) => known === state) ?? 'fired';
}
