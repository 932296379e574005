import { el, setText } from '../dom.js';
import { moment } from '../format.js';
import { isConfirmed, openDialog } from '../kit/dialog.js';
import { controlOf, field, form } from '../kit/form.js';
import { List, act } from '../kit/list.js';
import { sentenceOf } from '../kit/refusal.js';
import { say } from '../kit/say.js';
import { go, linkTo } from '../links.js';
import { rulesSentence } from './words.js';

/** Interval at which the shown rules are read again, ms: their state changes with the data. */
const REFRESH_MS = 10_000;
/** Wait after a keystroke before the search is sent, ms. */
const TYPING_MS = 300;

/** List of rules; `#/alerts/rules/new` and `#/alerts/rules/<id>` open one in the editor. */
export function mount(context, route) {
  const { root, signal } = context;
  let editing = new AbortController();
  signal.addEventListener('abort', () => editing.abort());
  const show = async ({ path: [id], query }) => {
    editing.abort();
    editing = new AbortController();
    const own = editing.signal;
    root.replaceChildren();
    if (!id) return listRules({ ...context, signal: own });
    const { editRule } = await import('./editor.js');
    return own.aborted || editRule({ ...context, signal: own }, id, query);
  };
  void show(route);
  return { show: (next) => void show(next) };
}

function listRules({ root, api, signal }) {
  const search = field({ label: 'Search', type: 'search', placeholder: 'Name, protocol, token' });
  const phase = field({
    label: 'State',
    type: 'select',
    options: [
      ['', 'Any'],
      ['firing', 'Firing'],
      ['pending', 'Pending'],
      ['ok', 'Quiet'],
    ],
  });
  const list = new List({
    label: 'Alert rules',
    empty: [
      el('p', {}, 'No rule here. A rule watches a value and tells you when it crosses what you set.'),
      el('p', {}, el('a', { href: linkTo(['alerts', 'rules', 'new']) }, 'Make one')),
    ],
    key: ({ ruleId }) => ruleId,
    open: ({ ruleId }) => go(['alerts', 'rules', ruleId]),
    read: ({ cursor, limit }) =>
      api.get(
        '/v1/alerts/rules',
        { cursor, limit, q: controlOf(search).value.trim(), state: controlOf(phase).value },
        signal,
      ),
    columns: [
      { title: 'Name', draw: ({ name }) => name },
      { title: 'When', draw: rulesSentence },
      { title: 'State', draw: stateTag },
      {
        title: 'Last fired',
        draw: ({ lastTriggered }) => (lastTriggered ? moment(new Date(lastTriggered)) : 'never'),
        isShort: true,
      },
      { title: 'Do', draw: (rule) => actions(rule) },
    ],
  });

  const changed = async (sentence, change) => {
    try {
      await change();
      say(sentence);
    } catch (error) {
      say(sentenceOf(error), { isProblem: true });
    }
    await list.reload();
  };
  const actions = (rule) => {
    const path = `/v1/alerts/rules/${rule.ruleId}`;
    const test = () =>
      changed(`Test of “${rule.name}” sent`, async () => {
        const { deliveries } = await api.send('POST', `${path}/test`);
        if (deliveries.length === 0) throw new Error('The rule has no confirmed target, so no test was sent.');
      });
    const toggle = () =>
      changed(`“${rule.name}” is ${rule.isActive ? 'off' : 'on'}`, () =>
        api.send('POST', `${path}/${rule.isActive ? 'disable' : 'enable'}`),
      );
    const remove = async () => {
      const text = `“${rule.name}” stops watching. Its history and deliveries stay.`;
      if (await isConfirmed({ title: 'Delete this rule?', text, action: 'Delete', signal }))
        await changed(`“${rule.name}” deleted`, () => api.send('DELETE', path));
    };
    return el(
      'div',
      { class: 'actions' },
      act('snooze', isSnoozed(rule) ? 'Wake' : 'Snooze', () => snooze(rule, changed)),
      act('test', 'Test', () => void test()),
      act('toggle', rule.isActive ? 'Off' : 'On', () => void toggle()),
      act('delete', 'Delete', () => void remove(), 'danger'),
    );
  };
  const snooze = (rule) => {
    const path = `/v1/alerts/rules/${rule.ruleId}/snooze`;
    if (isSnoozed(rule)) return void changed(`“${rule.name}” is awake`, () => api.send('POST', path, { until: null }));
    const minutes = field({
      label: 'For',
      type: 'select',
      options: [
        ['30', '30 minutes'],
        ['60', 'an hour'],
        ['480', '8 hours'],
        ['1440', 'a day'],
        ['10080', 'a week'],
      ],
    });
    const send = async () => {
      await api.send('POST', path, { minutes: Number(controlOf(minutes).value) });
      dialog.close();
      await changed(`“${rule.name}” sleeps`, () => undefined);
    };
    const dialog = openDialog({
      title: `Snooze ${rule.name}`,
      signal,
      body: [form({ fields: [minutes], action: 'Snooze', submit: send })],
    });
    return undefined;
  };

  const note = el('p', { class: 'muted' });
  root.append(
    el(
      'div',
      { class: 'bar' },
      search,
      phase,
      el('span', { class: 'grow' }),
      el('a', { class: 'button primary', href: linkTo(['alerts', 'rules', 'new']) }, 'New rule'),
    ),
    list.node,
    note,
  );
  let typing;
  controlOf(search).addEventListener('input', () => {
    clearTimeout(typing);
    typing = setTimeout(() => void list.restart(), TYPING_MS);
  });
  controlOf(phase).addEventListener('change', () => void list.restart());
  const timer = setInterval(() => document.hidden || list.reload(), REFRESH_MS);
  signal.addEventListener('abort', () => {
    clearInterval(timer);
    clearTimeout(typing);
  });
  setText(note, '');
  void list.reload();
}

const isSnoozed = ({ snoozedUntil }) => snoozedUntil !== null && Date.parse(snoozedUntil) > Date.now();

function stateTag(rule) {
  const { isActive, snoozedUntil, state, priority } = rule;
  const [text, kind] = !isActive
    ? ['off', '']
    : isSnoozed(rule)
      ? [`snoozed until ${moment(new Date(snoozedUntil))}`, '']
      : state.phase === 'firing'
        ? [`firing${state.firingCount > 1 ? ` ${state.firingCount}` : ''}`, 'bad']
        : state.phase === 'pending'
          ? ['pending', 'warn']
          : ['quiet', 'good'];
  const more = priority === 'normal' ? [] : [' ', el('span', { class: 'tag' }, priority)];
  return el('span', { class: 'cell' }, el('span', { class: `tag ${kind}` }, text), ...more);
}
