import { el } from '../dom.js';
import { moment } from '../format.js';
import { openDialog } from '../kit/dialog.js';
import { controlOf, field, form } from '../kit/form.js';
import { List, act } from '../kit/list.js';
import { refusal, sentenceOf } from '../kit/refusal.js';
import { say } from '../kit/say.js';

const REFRESH_MS = 5_000;
const STATES = ['pending', 'sending', 'delivered', 'retrying', 'dead', 'suppressed', 'superseded', 'expired'];
const CHANNELS = { email: 'E-mail', webhook: 'Webhook', push: 'Push' };
const TYPES = [
  'alert.fired',
  'alert.resolved',
  'alert.summary',
  'alert.retracted',
  'test',
  'endpoint.verify',
  'target.confirm',
  'endpoint.failing',
  'endpoint.disabled',
  'account.budget',
];
const SINCE = { 'now-1h': 'an hour ago', 'now-24h': 'a day ago', 'now-7d': 'a week ago', '': 'the beginning' };
/** States from which a delivery is sent again in bulk. */
const REPEATED = ['dead', 'expired', 'suppressed', 'superseded', 'delivered'];
const KINDS = { delivered: 'good', dead: 'bad', retrying: 'warn', expired: 'bad' };
const plain = (names) => names.map((name) => [name, name]);

/** Messages and what became of them: each attempt, and sending them again, one or many. */
export function mount({ root, api, signal }, route) {
  const any = (entries) => [['', 'Any'], ...entries];
  const filters = {
    state: field({
      label: 'State',
      type: 'select',
      options: any(plain(STATES)),
      value: route.query.get('state') ?? '',
    }),
    channel: field({ label: 'Channel', type: 'select', options: any(Object.entries(CHANNELS)) }),
    type: field({ label: 'Kind', type: 'select', options: any(plain(TYPES)) }),
    from: field({ label: 'Since', type: 'select', options: Object.entries(SINCE), value: '' }),
    ruleId: field({ label: 'Rule', type: 'search', placeholder: 'id of a rule', value: route.query.get('rule') ?? '' }),
  };
  const chosen = () =>
    Object.fromEntries(Object.entries(filters).map(([name, node]) => [name, controlOf(node).value.trim()]));
  const list = new List({
    label: 'Deliveries, newest first',
    empty: 'No message yet. A rule with a confirmed target sends them here.',
    key: ({ id }) => id,
    open: ({ id }) => void show(id),
    read: ({ cursor, limit }) => api.get('/v1/notifications/deliveries', { cursor, limit, ...chosen() }, signal),
    columns: [
      { title: 'Time', draw: ({ createdAt }) => moment(new Date(createdAt)), isShort: true },
      { title: 'Kind', draw: ({ type }) => type, isShort: true },
      { title: 'To', draw: ({ channel, target }) => `${CHANNELS[channel]}: ${target}` },
      { title: 'State', draw: stateCell },
      { title: 'Attempts', draw: ({ attempts }) => attempts, isNumber: true },
      {
        title: 'Do',
        draw: ({ id }) =>
          el(
            'div',
            { class: 'actions' },
            act('again', 'Send again', () => void again(id)),
          ),
      },
    ],
  });

  const again = async (id) => {
    try {
      await api.send('POST', `/v1/notifications/deliveries/${id}/redeliver`);
      say('It will be sent again');
    } catch (error) {
      say(sentenceOf(error), { isProblem: true });
    }
    await list.reload();
  };
  const show = async (id) => {
    const body = el('div', { class: 'dialog-body bare' }, 'Loading …');
    openDialog({ title: 'Delivery', signal, body: [body] });
    try {
      body.replaceChildren(...details(await api.get(`/v1/notifications/deliveries/${id}`, {}, signal)));
    } catch (error) {
      body.replaceChildren(refusal(error));
    }
  };

  const bulk = el(
    'button',
    { type: 'button', class: 'button', onclick: () => repeatMany(api, list, signal) },
    'Send many again …',
  );
  root.append(el('div', { class: 'bar' }, ...Object.values(filters), el('span', { class: 'grow' }), bulk), list.node);
  for (const node of Object.values(filters)) controlOf(node).addEventListener('change', () => void list.restart());
  const timer = setInterval(() => document.hidden || list.reload(), REFRESH_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  void list.reload();
}

function stateCell({ state, reason, nextAttemptAt }) {
  const next = state === 'retrying' && nextAttemptAt ? ` again ${moment(new Date(nextAttemptAt))}` : '';
  return el(
    'span',
    { class: 'cell', title: reason ?? '' },
    el('span', { class: `tag ${KINDS[state] ?? ''}` }, state),
    el('span', { class: 'muted', dir: 'auto' }, ` ${[reason, next].filter(Boolean).join(', ')}`),
  );
}

function details({ type, channel, target, state, reason, attemptLog, data, createdAt, expiresAt }) {
  const facts = {
    Kind: type,
    To: `${CHANNELS[channel]}: ${target}`,
    State: [state, reason].filter(Boolean).join(', '),
    Created: moment(new Date(createdAt)),
    'Sent until': moment(new Date(expiresAt)),
  };
  const attempts = attemptLog.map(
    ({ attempt, startedAt, durationMs, outcome, statusCode, detail, response, trigger }) =>
      el(
        'li',
        {},
        el('b', {}, `${attempt}. ${outcome}`),
        ` ${[moment(new Date(startedAt)), `${durationMs} ms`, trigger, statusCode ?? '', detail ?? ''].filter((part) => part !== '').join(', ')}`,
        ...(response ? [el('pre', { class: 'code' }, response)] : []),
      ),
  );
  return [
    el(
      'dl',
      { class: 'facts' },
      ...Object.entries(facts).flatMap(([key, text]) => [el('dt', {}, key), el('dd', { dir: 'auto' }, text)]),
    ),
    el('h3', {}, 'Attempts'),
    attempts.length === 0 ? el('p', { class: 'muted' }, 'None yet.') : el('ol', { class: 'attempts' }, ...attempts),
    el(
      'details',
      {},
      el('summary', {}, 'Message data'),
      el('pre', { class: 'code' }, JSON.stringify(data, undefined, 2)),
    ),
  ];
}

/** Asks which deliveries to send again; they keep their ids, and receivers know them as repeated. */
function repeatMany(api, list, signal) {
  const state = field({
    label: 'In state',
    type: 'select',
    options: plain(REPEATED),
    value: 'dead',
    pointer: '/states',
  });
  const from = field({
    label: 'Created since',
    type: 'select',
    options: Object.entries(SINCE).slice(0, 3),
    value: 'now-24h',
    pointer: '/from',
  });
  const target = field({ label: 'Only to', hint: 'address, URL or empty: every target', pointer: '/target' });
  const submit = async () => {
    const { redelivered } = await api.send('POST', '/v1/notifications/deliveries/redeliver', {
      states: [controlOf(state).value],
      from: new Date(
        Date.now() - { 'now-1h': 1, 'now-24h': 24, 'now-7d': 168 }[controlOf(from).value] * 3_600_000,
      ).toISOString(),
      to: new Date().toISOString(),
      ...(controlOf(target).value.trim() ? { target: controlOf(target).value.trim() } : {}),
    });
    dialog.close();
    say(redelivered === 1 ? '1 message will be sent again' : `${redelivered} messages will be sent again`);
    await list.reload();
  };
  const dialog = openDialog({
    title: 'Send many again',
    signal,
    body: [form({ fields: [state, from, target], action: 'Send again', submit })],
  });
}
