import { el, setText } from '../dom.js';

/** Shortest time between two announcements, ms, so that a screen reader can finish a sentence. */
const MIN_INTERVAL_MS = 5_000;

let region;
let timer;
let next;
let saidAt = -Infinity;

/** Shows a text on the screen and gives it to screen readers; of several within five seconds, the last one. */
export function say(text, { isProblem = false } = {}) {
  region ??= document.body.appendChild(el('p', { class: 'said', role: 'status' }));
  next = { text, isProblem };
  timer ??= setTimeout(show, Math.max(0, saidAt + MIN_INTERVAL_MS - performance.now()));
}

function show() {
  timer = undefined;
  saidAt = performance.now();
  region.classList.toggle('problem', next.isProblem);
  setText(region, next.text);
  const shown = next;
  setTimeout(() => next === shown && setText(region, ''), MIN_INTERVAL_MS);
}
