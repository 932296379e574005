import { el, setText } from '../dom.js';
import { count, moment } from '../format.js';
import { isConfirmed, openDialog } from '../kit/dialog.js';
import { controlOf, field, form } from '../kit/form.js';
import { List, act } from '../kit/list.js';
import { refusal, sentenceOf } from '../kit/refusal.js';
import { say } from '../kit/say.js';
import { keepKey } from '../session.js';

const REFRESH_MS = 5_000;
const megabytes = (bytes) => `${+(bytes / 1e6).toFixed(2)} MB`;

/** Limits: name in `limits`, name in `used`, words. Limits without a use are per minute or second and not counted here. */
const LIMITS = [
  ['connections', 'connections', 'Open connections'],
  ['messages', 'messages', 'Client messages in this minute'],
  ['apiRequests', 'apiRequests', 'API requests in this minute'],
  ['alertRules', 'alertRules', 'Alert rules'],
  ['storedBytes', 'storedBytes', 'Stored alerts and messages', megabytes],
  ['subscriptionChanges', undefined, 'Subscription changes a minute'],
  ['connectsPerAddress', undefined, 'New connections a minute from one address'],
];

/** The caller's own key: what it may do, what is used of its limits, its connections, and its replacement. */
export function mount({ root, api, signal }) {
  const facts = el('dl', { class: 'facts' });
  const limits = el('div', { class: 'limits' });
  const problem = el('div');
  const replace = el(
    'button',
    { type: 'button', class: 'button', onclick: () => rotate(api, signal) },
    'Replace this key …',
  );
  const list = connections(api, signal, () => userId);
  let userId;

  root.append(
    problem,
    el(
      'div',
      { class: 'account' },
      el(
        'section',
        { class: 'panel pad', 'aria-labelledby': 'key-title' },
        el('h2', { id: 'key-title' }, 'Key'),
        facts,
        replace,
      ),
      el(
        'section',
        { class: 'panel pad', 'aria-labelledby': 'limits-title' },
        el('h2', { id: 'limits-title' }, 'Limits and use'),
        limits,
      ),
    ),
    el('h2', { class: 'list-title' }, 'Own connections'),
    list.node,
  );
  const read = async () => {
    try {
      const me = await api.get('/v1/me', {}, signal);
      problem.replaceChildren();
      draw(me, facts, limits);
      const isFirst = userId === undefined;
      userId = me.userId;
      await (isFirst ? list.restart() : list.reload());
    } catch (error) {
      if (!signal.aborted) problem.replaceChildren(refusal(error, () => void read()));
    }
  };
  const timer = setInterval(() => document.hidden || read(), REFRESH_MS);
  signal.addEventListener('abort', () => clearInterval(timer));
  void read();
}

function draw({ userId, keyId, role, tier, expiresAt, subscriptionTypes, transports, limits, used }, facts, root) {
  const known = {
    User: userId,
    'Key id': keyId,
    Role: role,
    Tier: tier,
    Expires: expiresAt ? moment(new Date(expiresAt)) : 'never',
    'May follow': subscriptionTypes?.join(', ') ?? 'everything',
    Transports: transports?.join(', ') ?? 'all',
  };
  facts.replaceChildren(
    ...Object.entries(known).flatMap(([name, text]) => [el('dt', {}, name), el('dd', { dir: 'auto' }, text)]),
  );
  const rows = LIMITS.filter(([name]) => limits[name] !== undefined).map(([name, use, words, format = count]) =>
    limitRow(words, limits[name], use && used[use], format),
  );
  // A row that is drawn again keeps its element, so that a screen reader is not disturbed.
  if (root.childElementCount !== rows.length) root.replaceChildren(...rows);
  else
    for (const [index, row] of rows.entries())
      if (row.outerHTML !== root.children[index].outerHTML) root.children[index].replaceWith(row);
}

/** Row of a limit; 0 is no limit, and what has no limit is not counted. */
function limitRow(words, limit, used, format) {
  const shown = [
    used === undefined || used === null ? '' : format(used),
    limit === 0 ? 'no limit' : `${used === undefined ? '' : 'of '}${format(limit)}`,
  ];
  const isKnown = limit > 0 && typeof used === 'number';
  const isNear = isKnown && used >= limit * 0.9;
  return el(
    'div',
    { class: isNear ? 'limit near' : 'limit' },
    el('span', {}, words),
    el('b', {}, `${shown.filter(Boolean).join(' ')}${isNear ? ', nearly used up' : ''}`),
    ...(isKnown
      ? [el('progress', { max: String(limit), value: String(Math.min(used, limit)), 'aria-label': words })]
      : []),
  );
}

function connections(api, signal, userOf) {
  const list = new List({
    label: 'Own connections',
    empty: 'No connection is open with your keys.',
    key: ({ connectionId }) => connectionId,
    // Other keys than an administrator's see only their own anyway.
    read: ({ cursor, limit }) => api.get('/v1/realtime/connections', { cursor, limit, userId: userOf() }, signal),
    columns: [
      { title: 'Since', draw: ({ connectedAt }) => moment(new Date(connectedAt)), isShort: true },
      { title: 'Transport', draw: ({ transport }) => transport, isShort: true },
      { title: 'From', draw: ({ metadata }) => [metadata.ipAddress, metadata.userAgent].filter(Boolean).join(', ') },
      { title: 'Subscriptions', draw: ({ subscriptions }) => subscriptions, isNumber: true },
      { title: 'Last message', draw: ({ lastActivity }) => moment(new Date(lastActivity)), isShort: true },
      {
        title: 'Do',
        draw: (connection) =>
          el(
            'div',
            { class: 'actions' },
            act('close', 'Close', () => void close(connection), 'danger'),
          ),
      },
    ],
  });
  const close = async ({ connectionId, transport }) => {
    const text = `The ${transport} connection ends at once. Its client may connect again.`;
    if (!(await isConfirmed({ title: 'Close this connection?', text, action: 'Close it', signal }))) return;
    try {
      await api.send('DELETE', `/v1/realtime/connections/${encodeURIComponent(connectionId)}`);
      say('Connection closed');
    } catch (error) {
      say(sentenceOf(error), { isProblem: true });
    }
    await list.reload();
  };
  return list;
}

/** Replaces the key. The new one is shown once and can be taken over by this page. */
function rotate(api, signal) {
  const grace = field({
    label: 'The old key stays valid for',
    type: 'number',
    value: 10,
    min: '0',
    max: '10080',
    hint: 'minutes, 0 to 10,080; with 0 it ends at once',
    pointer: '/graceMinutes',
  });
  // One id for all attempts, so that a repeated request after a lost answer makes no second key.
  const headers = { 'Idempotency-Key': crypto.randomUUID() };
  const node = form({
    fields: [el('p', {}, 'Programs that use this key need the new one before the old one ends.'), grace],
    action: 'Make a new key',
    submit: async () => {
      const graceMinutes = Number(controlOf(grace).value);
      const { key } = await api.send('POST', '/v1/me/rotate', { graceMinutes }, { headers });
      node.replaceChildren(...result(key));
    },
  });
  openDialog({ title: 'Replace this key', signal, body: [node] });
}

function result(key) {
  const shown = el('pre', { class: 'code', id: 'new-key' }, key);
  const copy = async ({ target }) => {
    try {
      await navigator.clipboard.writeText(key);
      setText(target, 'Copied');
    } catch {
      setText(target, 'No clipboard here');
    }
  };
  const use = () => {
    keepKey(key);
    location.reload();
  };
  return [
    el('p', {}, 'It is shown only now.'),
    shown,
    el(
      'div',
      { class: 'actions' },
      el('button', { type: 'button', class: 'button', onclick: (event) => void copy(event) }, 'Copy'),
      el('button', { type: 'button', class: 'button primary', id: 'use-new-key', onclick: use }, 'Use it in this tab'),
    ),
  ];
}
