import type { AlertMessage, MessageType, SystemType } from '../core/delivery.js';
import type { TemplateSource } from './template-engine.js';

/** Text for the list of a message with several subjects, and for the comparison of a message with one. */
const DETAILS = `{% for line in shown.lines %}
- {{ line }}{% endfor %}{% if shown.more > 0 %}
and {{ shown.more }} more{% endif %}{% if shown.value != '' %}
Value: {{ shown.value }}{% if shown.change != '' %} ({{ shown.change }}){% endif %}{% endif %}{% if shown.threshold != '' %}
Threshold: {{ shown.threshold }}{% endif %}{% if shown.time != '' %}
Time: {{ shown.time }}{% endif %}`;
const LINKS = `{% if shown.links %}{% if links.rule %}

Rule: {{ links.rule }}{% elsif links.history %}
{% endif %}{% if links.history %}
History: {{ links.history }}{% endif %}{% if links.snooze %}
Snooze: {{ links.snooze }}{% endif %}{% if links.unsubscribe %}

Unsubscribe: {{ links.unsubscribe }}{% endif %}{% endif %}`;
const TITLE = `{{ shown.title }}`;

/** Returns the title of a template for one kind of value; messages about other values get the general title. */
const titleOf = (what: string, about: string, subject: string): string =>
  `{% if ${about} %}{{ shown.state }}: ${what} of {{ ${subject} }}{% if shown.value != '' %} · {{ shown.value }}{% endif %}{% else %}${TITLE}{% endif %}`;

/** Returns the HTML frame of a mail, which is readable without images, style sheets or a wide screen. */
function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>
<body style="margin:0;padding:24px;background:#f4f5f7;font:16px/1.5 system-ui,sans-serif;color:#1c1f24">
<div style="max-width:560px;margin:0 auto;padding:24px;background:#fff;border-radius:8px">${body}
{% if links.rule or links.history or links.unsubscribe %}<p style="margin:24px 0 0;font-size:13px;color:#5b6270">Sent because of an alert rule.
{% if links.rule %}<a href="{{ links.rule }}" style="color:#5b6270">Rule</a>{% endif %}
{% if links.history %}<a href="{{ links.history }}" style="color:#5b6270">History</a>{% endif %}
{% if links.snooze %}<a href="{{ links.snooze }}" style="color:#5b6270">Snooze</a>{% endif %}
{% if links.unsubscribe %}<a href="{{ links.unsubscribe }}" style="color:#5b6270">Unsubscribe</a>{% endif %}</p>{% endif %}</div></body></html>`;
}

const ROW = '<tr><td style="padding:2px 16px 2px 0;color:#5b6270">';
const FACTS = `{% if shown.lines.size > 0 %}<ul>{% for line in shown.lines %}<li>{{ line }}</li>{% endfor %}</ul>{% endif %}
{% if shown.more > 0 %}<p>and {{ shown.more }} more</p>{% endif %}<table style="border-collapse:collapse">
{% if shown.value != '' %}${ROW}Value</td><td>{{ shown.value }}{% if shown.change != '' %} ({{ shown.change }}){% endif %}</td></tr>{% endif %}
{% if shown.threshold != '' %}${ROW}Threshold</td><td>{{ shown.threshold }}</td></tr>{% endif %}
{% if shown.time != '' %}${ROW}Time</td><td>{{ shown.time }}</td></tr>{% endif %}</table>`;

function alert(subject: string, details = true): TemplateSource {
  const heading = `<h1 style="margin:0 0 8px;font-size:20px">${subject}</h1>`;
  return {
    subject,
    text: `{{ shown.fact }}${details ? `\n${DETAILS}` : ''}${LINKS}`,
    html: page('{{ name }}', `${heading}<p>{{ shown.fact }}</p>${details ? FACTS : ''}`),
  };
}

/** Templates that every rule may name; a user's template with the same name takes precedence. */
export const BUILT_IN: Readonly<Record<string, TemplateSource>> = {
  default: alert(TITLE),
  brief: alert(TITLE, false),
  tvl_change: alert(titleOf('TVL', 'protocol or chain', 'shown.subject')),
  price_change: alert(titleOf('price', 'token', 'token')),
};

const BUDGET_TEXT = `{% if reason == 'unconfirmed' %}Too many messages wait for a target that was never confirmed; more are not kept. Confirm the target, or remove it from your rules.{% else %}{{ usedMb }} MB of messages and alerts are stored for you, of {{ limitMb }} MB. Until older ones have ended, messages are not sent and alerts are kept by the minute. Rules that fire less often, or have fewer targets, stay within it.{% endif %}`;

/** Templates of the service's own messages. */
export const SYSTEM_TEMPLATES: Readonly<Record<Exclude<SystemType, 'endpoint.verify'>, TemplateSource>> = {
  'target.confirm': {
    subject: 'Confirm this address for alerts',
    text: `Somebody wants alerts to be sent to this address. If that was you, open this link and confirm:\n\n{{ links.confirm }}\n\nOtherwise ignore this mail: nothing more will be sent.`,
    html: page(
      'Confirm this address',
      `<h1 style="margin:0 0 8px;font-size:20px">Confirm this address</h1><p>Somebody wants alerts to be sent here. If that
was you, confirm it; otherwise ignore this mail, and nothing more will be sent.</p>
<p><a href="{{ links.confirm }}" style="display:inline-block;padding:10px 18px;border-radius:6px;background:#2457d6;color:#fff;text-decoration:none">Confirm</a></p>`,
    ),
  },
  'endpoint.failing': {
    subject: 'Your webhook endpoint has been failing for a day',
    text: `Messages to {{ endpoint }} have not arrived for a day: {{ reason }}.\n\nIt will be disabled in four days. Messages sent meanwhile can be delivered again afterwards.`,
    html: page(
      'Webhook endpoint failing',
      `<p>Messages to <code>{{ endpoint }}</code> have not arrived for a day: {{ reason }}.</p><p>It will be disabled in four
days. Messages sent meanwhile can be delivered again afterwards.</p>`,
    ),
  },
  'endpoint.disabled': {
    subject: 'Your webhook endpoint was disabled',
    text: `{{ endpoint }} gets no more messages ({{ reason }}). Request its proof again to restore it; missed messages can be delivered again.`,
    html: page(
      'Webhook endpoint disabled',
      `<p><code>{{ endpoint }}</code> gets no more messages ({{ reason }}).</p><p>Request its proof again to restore it;
missed messages can be delivered again.</p>`,
    ),
  },
  'account.budget': {
    subject: 'Messages of your alert rules are not sent',
    text: BUDGET_TEXT,
    html: page('Messages are not sent', `<p>${BUDGET_TEXT}</p>`),
  },
};

export function isSystem(type: MessageType | SystemType): type is keyof typeof SYSTEM_TEMPLATES {
  return type in SYSTEM_TEMPLATES;
}

/** Alert for a preview if the caller gives none. */
export const EXAMPLE_ALERT: AlertMessage = {
  alertId: '0199a0a0-0000-7000-8000-000000000001',
  ruleId: '0199a0a0-0000-7000-8000-000000000002',
  name: 'Aave below 30 billion',
  state: 'fired',
  type: 'lt',
  message: 'Aave below 30 billion: TVL of aave-v3 on ethereum is $29.41 B, below $30.00 B',
  at: '2026-11-20T10:00:00.000Z',
  priority: 'normal',
  protocol: 'aave-v3',
  chain: 'ethereum',
  metric: 'tvl',
  value: 29_412_000_000,
  threshold: 30_000_000_000,
  explanation: {
    ruleVersion: 1,
    reason: 'first_fire',
    from: 'ok',
    to: 'firing',
    sequence: 1,
    suppressed: 0,
    event: {
      eventType: 'tvl_change',
      eventId: '0199a0a0-0000-7000-8000-000000000003',
      cursor: '3k1m9x2p7qaz-00000000002s',
    },
    since: '2026-11-20T10:00:00.000Z',
    at: '2026-11-20T10:00:00.000Z',
    conditions: [
      {
        condition: 0,
        metric: 'tvl',
        operator: 'lt',
        threshold: 30_000_000_000,
        holds: true,
        protocol: 'aave-v3',
        chain: 'ethereum',
        token: null,
        value: 29_412_000_000,
        current: 29_412_000_000,
        previous: 30_120_000_000,
        reference: null,
        referenceAt: null,
        observedAt: '2026-11-20T09:59:58.000Z',
        text: 'TVL of aave-v3 on ethereum is $29.41 B, below $30.00 B',
      },
    ],
  },
};

/** Links of the example alert; links of a real message lead to existing pages. */
export const EXAMPLE_LINKS: Readonly<Record<string, string>> = {
  rule: 'https://example.com/v1/alerts/rules/0199a0a0-0000-7000-8000-000000000002',
  history: 'https://example.com/v1/alerts/history?ruleId=0199a0a0-0000-7000-8000-000000000002',
  snooze: 'https://example.com/v1/alerts/snooze/example',
  unsubscribe: 'https://example.com/v1/notifications/unsubscribe/example',
};
