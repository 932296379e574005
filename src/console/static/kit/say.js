import { el, setText } from '../dom.js';

/** Shortest time between two announcements, ms, so that a screen reader can finish a sentence. */
const MIN_INTERVAL_MS = 5_000;

let region;
let timer;
let next;
let saidAt = -Infinity;

/** Tells what happened, on the screen and to screen readers; of several within five seconds the last is told. */
export function say(text, { isProblem = false } = {}) {
  region ??= document.body.appendChild(el('p', { class: 'said', role: 'status' }));
  next = { text, isProblem };
  timer ??= setTimeout(tell, Math.max(0, saidAt + MIN_INTERVAL_MS - performance.now()));
}

function tell() {
  timer = undefined;
  saidAt = performance.now();
  region.classList.toggle('problem', next.isProblem);
  setText(region, next.text);
  const shown = next;
  setTimeout(() => next === shown && setText(region, ''), MIN_INTERVAL_MS);
}
