import { escapeHtml } from './email/digest-mail.js';

/** Returns the page behind a link of a message; `text` is plain. */
export function page(text: string, form = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Alerts</title>
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"></head>
<body><h1>${escapeHtml(text)}</h1>${form}</body></html>`;
}

/** Returns a page with a question and the button that acts. */
export function question(text: string, button: string): string {
  return page(text, `<form method="post"><button>${button}</button></form>`);
}

export const OLD_LINK = page('This link is not valid any more.');
