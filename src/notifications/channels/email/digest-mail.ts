import { escapeHtml } from '../../core/escape-html.js';
import { listedLine } from '../../core/alert-text.js';
import { namedLinks } from '../../core/message-body.js';
import type { LinkedMessage } from '../../templates/templates.js';
import type { RenderedMessage } from '../../templates/template-engine.js';

/** Maximum length of the titles in the mail's subject. */
const MAX_TITLES_LENGTH = 120;

/**
 * Returns several messages as one mail. The texts of the messages are already rendered, so only the text around them is
 * escaped.
 * @param count number of alerts of the messages; a storm has many
 */
export function digestMail(messages: readonly LinkedMessage[], count: number, unsubscribe: string): RenderedMessage {
  const texts = messages.map(({ subject, text, links }) => {
    const addresses = namedLinks(links).map(({ name, address }) => `\n${name}: ${address}`);
    return `${subject}\n${'-'.repeat(Math.min(subject.length, 60))}\n${text}${addresses.join('')}`;
  });
  const parts = messages.map(({ subject, text, links }) => {
    const anchors = namedLinks(links).map(({ name, address }) => `<a href="${escapeHtml(address)}">${name}</a>`);
    return `<h2 style="margin:24px 0 4px;font-size:17px">${escapeHtml(subject)}</h2>
<p style="white-space:pre-line">${escapeHtml(text)}</p><p style="font-size:13px">${anchors.join(' · ')}</p>`;
  });
  const titles = messages.map(({ subject }) => subject);
  const fallback = messages.find((message) => message.fallback !== undefined)?.fallback;
  return {
    subject: `${count} alerts: ${listedLine(titles, MAX_TITLES_LENGTH)}`,
    text: `${texts.join('\n\n\n')}\n\nUnsubscribe: ${unsubscribe}`,
    html: `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${count} alerts</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#1c1f24">${parts.join('\n')}
<p style="font-size:13px"><a href="${escapeHtml(unsubscribe)}">Unsubscribe</a></p></body></html>`,
    ...(fallback === undefined ? {} : { fallback }),
  };
}
