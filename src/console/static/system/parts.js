import { controlOf, field } from '../kit/form.js';
import { sentenceOf } from '../kit/refusal.js';
import { say } from '../kit/say.js';
import { el } from '../dom.js';

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

/** Does something for a button and shows the outcome. */
export async function showOutcome(action, done) {
  try {
    await action();
    say(done);
  } catch (error) {
    if (error.name !== 'AbortError') say(sentenceOf(error), { isProblem: true });
  }
}
