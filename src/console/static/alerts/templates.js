import { el, setText } from '../dom.js';
import { isConfirmed } from '../kit/dialog.js';
import { controlOf, field, form } from '../kit/form.js';
import { refusal, sentenceOf } from '../kit/refusal.js';
import { say } from '../kit/say.js';
import { go, linkTo } from '../links.js';

/** Wait after a keystroke before the preview is made, ms. */
const TYPING_MS = 400;

/** Message templates, with a preview of the one that is edited; `#/alerts/templates/<name>`. */
export function mount({ root, api, signal }, route) {
  let editing = new AbortController();
  signal.addEventListener('abort', () => editing.abort());
  const show = async ({ path: [name] }) => {
    editing.abort();
    editing = new AbortController();
    const own = editing.signal;
    try {
      const { data } = await api.get('/v1/notifications/templates', {}, own);
      if (own.aborted) return;
      const known = data.find((one) => one.name === name);
      const chosen = name === 'new' || name === undefined ? undefined : known;
      if (name !== undefined && name !== 'new' && !known) say(`There is no template ${name}`, { isProblem: true });
      root.replaceChildren(el('div', { class: 'editor' }, list(data, name), edit(chosen, name)));
    } catch (error) {
      if (!own.aborted) root.replaceChildren(refusal(error, () => void show({ path: [name] })));
    }
  };

  const list = (data, current) =>
    el(
      'nav',
      { class: 'panel pad names', 'aria-label': 'Templates' },
      el('a', { class: 'button', href: linkTo(['alerts', 'templates', 'new']) }, 'New template'),
      ...data.map(({ name, builtIn }) =>
        el(
          'a',
          { href: linkTo(['alerts', 'templates', name]), 'aria-current': name === current && 'page' },
          el('span', { dir: 'auto' }, name),
          ...(builtIn ? [el('span', { class: 'tag' }, 'built in')] : []),
        ),
      ),
    );

  const edit = (template, path) => {
    const isNew = path === 'new';
    if (!template && !isNew)
      return el(
        'section',
        { class: 'panel pad' },
        el('p', { class: 'muted' }, 'Choose a template to see what it sends.'),
      );
    const start = template ?? { name: '', subject: '{{ shown.title }}', text: '{{ shown.fact }}', html: '' };
    const isFixed = template?.builtIn === true;
    const name = field({
      label: 'Name',
      value: isFixed ? `my-${start.name}` : start.name,
      pointer: '/name',
      hint: isFixed ? 'A built-in template is saved under a name of your own.' : undefined,
    });
    const parts = {
      subject: field({ label: 'Subject', value: start.subject, pointer: '/subject' }),
      text: field({ label: 'Text, in Liquid', type: 'textarea', value: start.text, rows: 9, pointer: '/text' }),
      html: field({
        label: 'HTML, in Liquid; empty: made from the text',
        type: 'textarea',
        value: start.html,
        rows: 6,
        pointer: '/html',
      }),
    };
    const read = () =>
      Object.fromEntries(
        Object.entries(parts)
          .map(([key, node]) => [key, controlOf(node).value])
          .filter(([, text]) => text !== ''),
      );
    const shown = {
      subject: el('b', { dir: 'auto' }),
      text: el('pre', { class: 'code', id: 'preview-text', dir: 'auto' }),
      note: el('p', { class: 'muted', role: 'status' }),
    };
    const preview = async () => {
      try {
        const { subject, text, warnings } = await api.send('POST', '/v1/alerts/templates/preview', read(), {
          signal: editing.signal,
        });
        setText(shown.subject, subject);
        setText(shown.text, text);
        setText(shown.note, warnings.map(({ detail }) => detail).join('; '));
      } catch (error) {
        if (error.name !== 'AbortError') setText(shown.note, sentenceOf(error));
      }
    };
    const submit = async () => {
      const wanted = controlOf(name).value.trim();
      if (!wanted) throw new Error('A template needs a name.');
      await api.send('PUT', `/v1/notifications/templates/${encodeURIComponent(wanted)}`, read());
      say(`Template “${wanted}” saved`);
      if (wanted === path) await show({ path: [path] });
      else go(['alerts', 'templates', wanted]);
    };
    const remove = async () => {
      const text = 'Rules that name it send the built-in template instead.';
      if (!(await isConfirmed({ title: `Delete ${start.name}?`, text, action: 'Delete', signal }))) return;
      try {
        await api.send('DELETE', `/v1/notifications/templates/${encodeURIComponent(start.name)}`);
        go(['alerts', 'templates']);
      } catch (error) {
        say(sentenceOf(error), { isProblem: true });
      }
    };
    const extra =
      template && !isFixed
        ? [el('button', { type: 'button', class: 'button danger', onclick: () => void remove() }, 'Delete')]
        : [];
    const node = form({ fields: [name, ...Object.values(parts)], action: 'Save template', submit, extra });
    let typing;
    node.addEventListener('input', () => {
      clearTimeout(typing);
      typing = setTimeout(() => void preview(), TYPING_MS);
    });
    editing.signal.addEventListener('abort', () => clearTimeout(typing));
    void preview();
    return el(
      'div',
      { class: 'two' },
      el('section', { class: 'panel pad', 'aria-label': 'Template' }, node),
      el(
        'section',
        { class: 'panel pad form', 'aria-label': 'Preview' },
        el('h2', {}, 'Preview with the newest alert'),
        shown.subject,
        shown.text,
        shown.note,
      ),
    );
  };
  void show(route);
  return { show: (next) => void show(next) };
}
