import { controlOf, field, form } from '../kit/form.js';
import { List, act } from '../kit/list.js';
import { localPages } from '../kit/local-pages.js';
import { el } from '../dom.js';
import { go } from '../links.js';

/** Recent events to choose from. */
const RECENT = 50;

/** Why an event reaches a connection, or does not: for each subscription the first condition that fails. */
export function mount({ root, api, stream, signal }, route) {
  const connection = field({ label: 'Connection', maxlength: 200, pointer: '?connection' });
  const event = field({ label: 'Event', maxlength: 40, pointer: '?eventId', hint: 'Its eventId or its cursor' });
  const result = el('section', { class: 'verdict', 'aria-live': 'polite', 'aria-label': 'Explanation' });
  const recent = [];
  const connections = new List({
    label: 'Connections',
    empty: 'No connection is open.',
    rows: 10,
    read: ({ cursor, limit }) => api.get('/v1/realtime/connections', { cursor, limit }, signal),
    key: ({ connectionId }) => connectionId,
    open: ({ connectionId }) => (controlOf(connection).value = connectionId),
    columns: [
      { title: 'Connection', draw: ({ connectionId }) => connectionId },
      { title: 'User', draw: ({ userId }) => userId },
      { title: 'Transport', draw: ({ transport }) => transport },
      { title: 'Address', draw: ({ metadata }) => metadata.ipAddress },
    ],
  });
  const events = new List({
    label: 'Events since this view was opened',
    empty: 'No event was seen since this view was opened. “Read again” shows those that came in the meantime.',
    rows: 10,
    read: localPages(async () => recent.toReversed()),
    key: ({ eventId }) => eventId,
    open: ({ eventId }) => (controlOf(event).value = eventId),
    columns: [
      { title: 'Type', draw: ({ eventType }) => eventType },
      { title: 'Subject', draw: ({ name, protocol, token }) => name ?? protocol ?? token },
      { title: 'Event', draw: ({ eventId }) => eventId },
    ],
  });
  const explain = async () => {
    const chosen = controlOf(event).value.trim();
    const member = /^[0-9a-f]{8}-[0-9a-f]{4}-/i.test(chosen) ? 'eventId' : 'cursor';
    const query = { connection: controlOf(connection).value.trim(), [member]: chosen };
    result.replaceChildren();
    const verdict = await api.get('/v1/realtime/explain', query, signal);
    result.replaceChildren(...verdictOf(verdict));
  };
  const ask = form({
    fields: [el('div', { class: 'fields' }, connection, event)],
    action: 'Explain',
    submit: async () => {
      await explain();
      const query = { connection: controlOf(connection).value.trim(), event: controlOf(event).value.trim() };
      go(['subscriptions', 'explain'], query);
    },
  });
  const fill = ({ query }) => {
    for (const [name, node] of Object.entries({ connection, event }))
      if (query.has(name)) controlOf(node).value = query.get(name);
  };
  stream.addEventListener(
    'change',
    ({ detail }) => {
      recent.push(detail.event);
      if (recent.length > RECENT) recent.shift();
    },
    { signal },
  );
  root.append(
    ask,
    result,
    el(
      'div',
      { class: 'columns' },
      el('section', { 'aria-label': 'Connections' }, el('h2', {}, 'Connections'), connections.node),
      el(
        'section',
        { 'aria-label': 'Recent events' },
        el(
          'div',
          { class: 'bar' },
          el('h2', { class: 'grow' }, 'Recent events'),
          act('again', 'Read again', () => void events.restart()),
        ),
        events.node,
      ),
    ),
  );
  fill(route);
  void connections.restart();
  void events.restart();
  if (route.query.has('connection') && route.query.has('event')) ask.requestSubmit();
  return { show: fill };
}

function verdictOf({ reaches, summary, subscriptions }) {
  const list = new List({
    label: 'Subscriptions',
    empty: 'The connection has no subscription.',
    rows: 10,
    read: localPages(async () => subscriptions),
    key: ({ subscription }) => subscription.id,
    columns: [
      {
        title: 'Subscription',
        draw: ({ subscription }) => `${subscription.id}: ${subscription.channel ?? subscription.type}`,
      },
      {
        title: 'Matches',
        draw: ({ matches }) => el('span', { class: `tag ${matches ? 'good' : 'bad'}` }, matches ? 'yes' : 'no'),
      },
      { title: 'Fails at', draw: ({ failed }) => failed ?? 'nothing' },
      { title: 'Because', draw: ({ detail }) => detail },
    ],
  });
  void list.restart();
  const tag = el('span', { class: `tag ${reaches ? 'good' : 'bad'}` }, reaches ? 'reaches it' : 'does not reach it');
  return [el('p', {}, tag, ' ', el('span', { dir: 'auto' }, summary)), list.node];
}
