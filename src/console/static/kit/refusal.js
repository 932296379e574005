import { el } from '../dom.js';

/** Whether the server refused because of the key's rights. */
export const isForbidden = ({ status }) => status === 403;

/** Sentence about a failed request: what the key may not see, or what went wrong. */
export function sentenceOf(error) {
  if (isForbidden(error)) return `This key may not see this: ${error.message}`;
  if (error instanceof TypeError) return 'The server cannot be reached.';
  return error.message;
}

/** Paragraph about a failed request; with a button to try again unless the key lacks the right. */
export function refusal(error, again) {
  const sentence = el('span', { dir: 'auto' }, sentenceOf(error));
  if (isForbidden(error) || !again) return el('p', { class: 'refusal', role: 'alert' }, sentence);
  return el(
    'p',
    { class: 'refusal', role: 'alert' },
    sentence,
    el('button', { type: 'button', class: 'button', onclick: again }, 'Try again'),
  );
}
