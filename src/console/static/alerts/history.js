import { el } from '../dom.js';
import { moment } from '../format.js';
import { openDialog } from '../kit/dialog.js';
import { controlOf, field } from '../kit/form.js';
import { List } from '../kit/list.js';

/** Wait after a live alert before the history is read again, ms: one storm is read once. */
const SETTLE_MS = 1_000;

const WORDS = {
  first_fire: 'began to hold',
  repeat: 'still holds',
  resolved: 'ended',
  throttle_summary: 'several in one, because of the limit',
  catch_up: 'found after a pause of the service',
  after_snooze: 'held during the snooze',
  after_flapping: 'calm again after flapping',
  edited: 'the rule was changed',
};

/** Alerts of the user, newest first; `?rule=<id>` shows one rule's. */
export function mount({ root, api, stream, choose, signal }, route) {
  let rule = route.query.get('rule') ?? '';
  const state = field({
    label: 'What',
    type: 'select',
    options: [
      ['', 'Everything'],
      ['fired', 'Fired'],
      ['resolved', 'Resolved'],
      ['summary', 'Summaries'],
    ],
  });
  const span = field({
    label: 'Since',
    type: 'select',
    options: [
      ['', 'the beginning'],
      ['now-1h', 'an hour ago'],
      ['now-24h', 'a day ago'],
      ['now-7d', 'a week ago'],
    ],
  });
  const list = new List({
    label: 'Alerts, newest first',
    empty: 'No alert in this time. Rules that fire are listed here with the reason.',
    key: ({ alertId }) => alertId,
    open: (alert) => explain(alert, choose, signal),
    read: ({ cursor, limit }) =>
      api.get(
        '/v1/alerts/history',
        { cursor, limit, ruleId: rule, state: controlOf(state).value, from: controlOf(span).value },
        signal,
      ),
    columns: [
      { title: 'Time', draw: ({ at }) => moment(new Date(at)), isShort: true },
      { title: 'State', draw: stateTag },
      { title: 'Rule', draw: ({ name }) => name },
      { title: 'Alert', draw: ({ message }) => message },
      {
        title: 'Sent',
        draw: ({ outcome }) => outcome.suppressed ?? (outcome.groupedIn ? 'with others' : sent(outcome.messages)),
      },
    ],
  });
  root.append(el('div', { class: 'bar' }, state, span), list.node);
  for (const one of [state, span]) controlOf(one).addEventListener('change', () => void list.restart());
  let timer;
  const soon = () => {
    timer ??= setTimeout(() => {
      timer = undefined;
      if (!document.hidden) void list.reload();
    }, SETTLE_MS);
  };
  for (const name of ['alert', 'alerts']) stream.addEventListener(name, soon, { signal });
  signal.addEventListener('abort', () => clearTimeout(timer));
  void list.reload();
  return {
    show: ({ query }) => {
      rule = query.get('rule') ?? '';
      void list.restart();
    },
  };
}

const sent = (messages) => (messages === 0 ? 'nothing' : messages === 1 ? '1 message' : `${messages} messages`);

function stateTag({ state, retractedAt }) {
  if (retractedAt) return el('span', { class: 'tag' }, 'retracted');
  return el('span', { class: `tag ${state === 'fired' ? 'bad' : state === 'resolved' ? 'good' : ''}` }, state);
}

/** Shows why an alert was sent: each condition with the values that decided it. */
function explain(alert, choose, signal) {
  const { protocol, token, name, message, reason, at, evaluatedAt, ruleVersion, explanation } = alert;
  const subject = token ? { metric: 'price', id: token } : protocol ? { metric: 'tvl', id: protocol } : undefined;
  const facts = {
    When: moment(new Date(at)),
    Why: WORDS[reason] ?? reason,
    Evaluated: `${moment(new Date(evaluatedAt))}, with version ${ruleVersion} of the rule`,
  };
  const conditions = (explanation.conditions ?? []).map((one) =>
    el('li', { dir: 'auto' }, `${one.holds ? '✓ holds' : '✗ does not hold'}: ${one.text ?? ''}`),
  );
  const open = () => {
    dialog.close();
    choose(subject);
  };
  const dialog = openDialog({
    title: name,
    signal,
    body: [
      el('p', { dir: 'auto' }, message),
      el(
        'dl',
        { class: 'facts' },
        ...Object.entries(facts).flatMap(([key, text]) => [el('dt', {}, key), el('dd', {}, text)]),
      ),
      ...(conditions.length > 0 ? [el('ul', { class: 'conditions' }, ...conditions)] : []),
      el(
        'details',
        {},
        el('summary', {}, 'All of the explanation'),
        el('pre', { class: 'code' }, JSON.stringify(explanation, undefined, 2)),
      ),
      ...(subject
        ? [
            el(
              'div',
              { class: 'actions' },
              el('button', { type: 'button', class: 'button', onclick: open }, 'Show the chart'),
            ),
          ]
        : []),
    ],
  });
}
