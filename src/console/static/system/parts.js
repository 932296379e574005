import { controlOf, field } from '../kit/form.js';
import { sentenceOf } from '../kit/refusal.js';
import { say } from '../kit/say.js';
import { el } from '../dom.js';

/** Names and values as a list of definitions; a value is text or a node. */
export const facts = (values) =>
  el(
    'dl',
    { class: 'facts' },
    ...Object.entries(values).flatMap(([name, value]) => [
      el('dt', {}, name),
      el('dd', { dir: 'auto' }, value instanceof Node ? value : String(value ?? '–')),
    ]),
  );

/** Writes a time in UTC without milliseconds: `2026-11-20 12:00:00`. */
export const utc = (time) => (time ? time.slice(0, 19).replace('T', ' ') : 'never');

/** Fields by their names; `given()` returns the values that are not empty, `set` takes them from an address. */
export function fieldSet(definitions) {
  const fields = Object.fromEntries(Object.entries(definitions).map(([name, options]) => [name, field(options)]));
  const given = () =>
    Object.fromEntries(
      Object.entries(fields)
        .map(([name, node]) => [name, controlOf(node).value.trim()])
        .filter(([, value]) => value !== ''),
    );
  const set = (query) => {
    for (const [name, node] of Object.entries(fields)) controlOf(node).value = query.get(name) ?? '';
  };
  return { node: el('div', { class: 'fields' }, ...Object.values(fields)), given, set };
}

/** Does something for a button and tells the outcome. */
export async function told(action, done) {
  try {
    await action();
    say(done);
  } catch (error) {
    if (error.name !== 'AbortError') say(sentenceOf(error), { isProblem: true });
  }
}
