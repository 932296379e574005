import { cutText } from './cut-text.js';
import type { AlertMessage, MessageType, Priority, SystemType } from './delivery.js';
import { namedLinks, type ChatMessage } from './message-body.js';

const TEAMS_STYLES: Partial<Record<AlertMessage['state'], string>> = {
  fired: 'attention',
  resolved: 'good',
  summary: 'emphasis',
  retracted: 'emphasis',
  test: 'accent',
};

/**
 * Returns the body for Teams' incoming workflows: an Adaptive Card. Its texts are escaped, so that they contain no
 * Markdown.
 */
export function teamsBody({ title, text, links }: ChatMessage, state: AlertMessage['state']): string {
  const plain = (part: string): string => part.replaceAll(/([\\`*_[\]()#+!|<>~-])/g, '\\$1');
  const card = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      {
        type: 'Container',
        style: TEAMS_STYLES[state] ?? 'default',
        items: [{ type: 'TextBlock', text: plain(cutText(title, 500)), weight: 'Bolder', wrap: true }],
      },
      { type: 'TextBlock', text: plain(cutText(text, 4_000)).replaceAll('\n', '\n\n'), wrap: true },
    ],
    actions: namedLinks(links).map(({ name, address }) => ({ type: 'Action.OpenUrl', title: name, url: address })),
  };
  const attachment = { contentType: 'application/vnd.microsoft.card.adaptive', contentUrl: null, content: card };
  return JSON.stringify({ type: 'message', attachments: [attachment] });
}

/** Returns the body for Telegram's sendMessage, as plain text without markup. */
export function telegramBody({ title, text, links }: ChatMessage, to: URLSearchParams): string {
  const thread = to.get('message_thread_id');
  const shownLinks = namedLinks(links).map(({ name, address }) => `${name}: ${address}`);
  const parts = [cutText(title, 300), cutText(text, 2_500), shownLinks.join('\n')].filter((part) => part !== '');
  return JSON.stringify({
    chat_id: to.get('chat_id') ?? '',
    ...(thread === null ? {} : { message_thread_id: Number(thread) }),
    text: cutText(parts.join('\n\n'), 4_000),
    link_preview_options: { is_disabled: true },
  });
}

const SEVERITIES: Record<Priority, string> = { low: 'info', normal: 'warning', high: 'error', critical: 'critical' };

/**
 * Returns an event for PagerDuty's Events API v2. Each instance of a rule is one incident, which is closed when the
 * instance resolves.
 */
export function pagerDutyBody(
  { title, text, links }: ChatMessage,
  event: {
    routingKey: string;
    instance: string;
    type: MessageType | SystemType;
    priority: Priority;
    at: string;
    data: object;
  },
): string {
  const { type, data } = event;
  const isOver = 'state' in data && data.state === 'resolved';
  const resolved = isOver || type === 'alert.resolved' || type === 'alert.retracted';
  return JSON.stringify({
    routing_key: event.routingKey,
    event_action: resolved ? 'resolve' : 'trigger',
    dedup_key: cutText(event.instance, 255),
    payload: {
      summary: cutText(title, 1_000),
      source: 'defi-realtime',
      severity: type === 'test' ? 'info' : SEVERITIES[event.priority],
      timestamp: event.at,
      custom_details: { text: cutText(text, 5_000), alert: JSON.stringify(data).length < 100_000 ? data : null },
    },
    links: namedLinks(links).map(({ name, address }) => ({ href: address, text: name })),
  });
}
