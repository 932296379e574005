import { escapeHtml } from '../core/escape-html.js';

/** Returns the HTML page for a link in a message; `text` is plain text. */
export function page(text: string, form = ''): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Alerts</title>
<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex"></head>
<body><h1>${escapeHtml(text)}</h1>${form}</body></html>`;
}

/** Returns a page with a question and a button that performs the action. */
export function question(text: string, button: string): string {
  return page(text, `<form method="post"><button>${button}</button></form>`);
}

export const OLD_LINK = page('This link is not valid any more.');
