import type { AlertMessage, MessageType, SystemType } from '../core/delivery.js';
import type { TemplateSource } from './template-engine.js';

const STATE = `{% if state == 'resolved' %}Resolved{% elsif state == 'summary' %}Summary{% else %}Alert{% endif %}`;
const SUBJECT_OF = `{{ protocol | default: token | default: chain }}`;
const VALUE = `{% if metric contains 'change' %}{{ value | percent }}{% else %}{{ value | usd }}{% endif %}`;
const THRESHOLD = `{% if type == 'change_pct' or metric contains 'change' %}{{ threshold | percent }}{% else %}{{ threshold | usd }}{% endif %}`;

/** A mail's frame: readable without images, style sheets or a wide screen. */
function page(title: string, body: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${title}</title></head>
<body style="margin:0;padding:24px;background:#f4f5f7;font:16px/1.5 system-ui,sans-serif;color:#1c1f24">
<div style="max-width:560px;margin:0 auto;padding:24px;background:#fff;border-radius:8px">${body}
{% if links.unsubscribe %}<p style="margin:24px 0 0;font-size:13px;color:#5b6270">Sent because of an alert rule.
<a href="{{ links.unsubscribe }}" style="color:#5b6270">Unsubscribe</a></p>{% endif %}</div></body></html>`;
}

function alert(subject: string, text: string, html: string): TemplateSource {
  const footer = `{% if links.unsubscribe %}\n\nUnsubscribe: {{ links.unsubscribe }}{% endif %}`;
  return { subject, text: text + footer, html: page('{{ name }}', html) };
}

const FACTS = `<table style="border-collapse:collapse">
<tr><td style="padding:2px 16px 2px 0;color:#5b6270">Value</td><td>${VALUE}</td></tr>
<tr><td style="padding:2px 16px 2px 0;color:#5b6270">Threshold</td><td>${THRESHOLD}</td></tr></table>`;

/** Templates that every rule may name; a user's own of the same name goes first. */
export const BUILT_IN: Readonly<Record<string, TemplateSource>> = {
  default: alert(
    `${STATE}: {{ name }}`,
    `${STATE}: {{ name }}\n\n{{ message }}\n\nValue: ${VALUE}\nThreshold: ${THRESHOLD}`,
    `<h1 style="margin:0 0 8px;font-size:20px">${STATE}: {{ name }}</h1><p>{{ message }}</p>${FACTS}`,
  ),
  brief: alert(`{{ name }}`, `{{ message }}`, `<p>{{ message }}</p>`),
  tvl_change: alert(
    `${STATE}: TVL of ${SUBJECT_OF}`,
    `${STATE}: TVL of ${SUBJECT_OF}{% if chain %} on {{ chain }}{% endif %}\n\n{{ message }}\n\nValue: ${VALUE}\nThreshold: ${THRESHOLD}`,
    `<h1 style="margin:0 0 8px;font-size:20px">${STATE}: TVL of ${SUBJECT_OF}</h1><p>{{ message }}</p>${FACTS}`,
  ),
  price_change: alert(
    `${STATE}: price of {{ token | default: name }}`,
    `${STATE}: price of {{ token | default: name }}\n\n{{ message }}\n\nValue: ${VALUE}\nThreshold: ${THRESHOLD}`,
    `<h1 style="margin:0 0 8px;font-size:20px">${STATE}: price of {{ token | default: name }}</h1><p>{{ message }}</p>${FACTS}`,
  ),
};

/** Messages of the product itself. */
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
    subject: 'Your webhook endpoint fails since a day',
    text: `Messages to {{ endpoint }} have not arrived for a day: {{ reason }}.\n\nIt will be disabled in four days. What was sent meanwhile can be delivered again afterwards.`,
    html: page(
      'Webhook endpoint fails',
      `<p>Messages to <code>{{ endpoint }}</code> have not arrived for a day: {{ reason }}.</p><p>It will be disabled in four
days. What was sent meanwhile can be delivered again afterwards.</p>`,
    ),
  },
  'endpoint.disabled': {
    subject: 'Your webhook endpoint was disabled',
    text: `{{ endpoint }} gets no more messages ({{ reason }}). Ask for its proof again to bring it back; what it missed can be delivered again.`,
    html: page(
      'Webhook endpoint disabled',
      `<p><code>{{ endpoint }}</code> gets no more messages ({{ reason }}).</p><p>Ask for its proof again to bring it back;
what it missed can be delivered again.</p>`,
    ),
  },
};

export function isSystem(type: MessageType | SystemType): type is keyof typeof SYSTEM_TEMPLATES {
  return type in SYSTEM_TEMPLATES;
}

/** What a preview shows when the caller gives nothing else. */
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
  explanation: { previous: 30_120_000_000, ruleVersion: 1, reason: 'first_fire' },
};
