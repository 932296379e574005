import { act } from '../kit/list.js';
import { clearFaults, controlOf, form } from '../kit/form.js';
import { sentenceOf } from '../kit/refusal.js';
import { say } from '../kit/say.js';
import { el, setText } from '../dom.js';
import { count } from '../format.js';
import { go } from '../links.js';
import { filterFields, requestOf } from './filter.js';
import { Matches } from './matches.js';
import { LANGUAGES, snippet } from './snippets.js';

/** Builds a subscription with the fields of the API, shows what matches it now, and the code for it. */
export async function mount({ root, api, signal }, route) {
  const fields = await filterFields(signal);
  const matches = el('ul', { class: 'matches', 'aria-label': 'What matches now', tabindex: '0' });
  const status = el('p', { class: 'muted', role: 'status' });
  const code = el('pre', { class: 'code', tabindex: '0' });
  const chosen = el(
    'select',
    { 'aria-label': 'Language' },
    ...Object.entries(LANGUAGES).map(([name, title]) => el('option', { value: name }, title)),
  );
  const given = () =>
    Object.fromEntries(
      fields.map(({ name, node }) => [name, controlOf(node).value.trim()]).filter(([, value]) => value !== ''),
    );
  const showCode = () => setText(code, snippet(chosen.value, requestOf(fields, given()), location.origin));
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(code.textContent);
      say('Copied. The key is left out: set API_KEY.');
    } catch (error) {
      say(sentenceOf(error), { isProblem: true });
    }
  };

  let running;
  const run = async (query) => {
    running?.stop();
    const own = (running = new Matches({ api, list: matches, signal }));
    own.onChange = ({ values, events }) =>
      setText(status, `${count(values)} published values match; ${count(events)} events since.`);
    setText(status, 'Connecting …');
    showCode();
    await own.follow(query, () => own === running);
  };
  const builder = form({
    fields: [el('div', { class: 'fields' }, ...fields.map(({ node }) => node))],
    action: 'Show what matches',
    submit: async () => {
      const before = location.hash;
      go(['subscriptions', 'build'], given());
      if (location.hash === before) await start({ query: new URLSearchParams(given()) });
    },
  });
  const start = async ({ query }) => {
    for (const { name, node } of fields) controlOf(node).value = query.get(name) ?? '';
    clearFaults(builder);
    try {
      await run(given());
    } catch (error) {
      if (signal.aborted || error.name === 'AbortError') return;
      setText(
        status,
        `Refused: ${[sentenceOf(error), ...(error.errors ?? []).map(({ detail }) => detail)].join('; ')}`,
      );
    }
  };
  builder.addEventListener('input', showCode);
  chosen.addEventListener('change', showCode);
  root.append(
    builder,
    el(
      'div',
      { class: 'columns' },
      el('section', { class: 'panel', 'aria-label': 'Matches' }, el('h2', {}, 'What matches now'), status, matches),
      el(
        'section',
        { class: 'panel', 'aria-label': 'Code' },
        el(
          'div',
          { class: 'bar' },
          el('h2', { class: 'grow' }, 'Code'),
          el('div', { class: 'field' }, chosen),
          act('copy', 'Copy', () => void copy()),
        ),
        code,
      ),
    ),
  );
  showCode();
  void start(route);
  return { show: (next) => void start(next) };
}
