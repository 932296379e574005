import type { RenderedMessage } from '../../templates/templates.js';

/** Several messages as one mail. Their texts are rendered already, so what is put around them is all that is escaped. */
export function digestMail(messages: readonly RenderedMessage[], unsubscribe: string): RenderedMessage {
  const texts = messages.map(({ subject, text }) => `${subject}\n${'-'.repeat(Math.min(subject.length, 60))}\n${text}`);
  const parts = messages.map(
    ({ subject, text }) =>
      `<h2 style="margin:24px 0 4px;font-size:17px">${escapeHtml(subject)}</h2><p style="white-space:pre-line">${escapeHtml(text)}</p>`,
  );
  return {
    subject: `${messages.length} alerts`,
    text: `${texts.join('\n\n\n')}\n\nUnsubscribe: ${unsubscribe}`,
    html: `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${messages.length} alerts</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,sans-serif;color:#1c1f24">${parts.join('\n')}
<p style="font-size:13px"><a href="${escapeHtml(unsubscribe)}">Unsubscribe</a></p></body></html>`,
  };
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
