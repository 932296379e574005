import { isConfirmed, openDialog } from '../kit/dialog.js';
import { facts, utc } from '../kit/facts.js';
import { controlOf, field, form } from '../kit/form.js';
import { List, act } from '../kit/list.js';
import { localPages } from '../kit/local-pages.js';
import { say } from '../kit/say.js';
import { el } from '../dom.js';
import { count } from '../format.js';
import { go } from '../links.js';
import { fieldSet, showOutcome } from './parts.js';

const TRANSPORTS = [
  ['', 'All'],
  ['socketio', 'Socket.IO'],
  ['websocket', 'WebSocket'],
  ['sse', 'SSE'],
];

/** Open connections of all processes, found by user, key, address, transport or text; one's own for keys that are not admins'. */
export function mount({ root, api, me, signal }, route) {
  const filters = fieldSet({
    text: { label: 'Text', placeholder: 'id, user, key, agent', maxlength: 200 },
    userId: { label: 'User', maxlength: 255 },
    key: { label: 'Key', maxlength: 300 },
    address: { label: 'Address', maxlength: 64 },
    transport: { label: 'Transport', type: 'select', options: TRANSPORTS },
  });
  const list = new List({
    label: 'Connections',
    empty: 'No connection answers these filters.',
    read: ({ cursor, limit }) => api.get('/v1/realtime/connections', { ...filters.given(), cursor, limit }, signal),
    key: ({ connectionId }) => connectionId,
    open: ({ connectionId }) => void openConnection(connectionId),
    columns: [
      { title: 'User', draw: ({ userId }) => userId },
      { title: 'Key', draw: ({ keyId }) => keyId },
      { title: 'Address', draw: ({ metadata }) => metadata.ipAddress },
      { title: 'Transport', draw: ({ transport }) => transport },
      { title: 'Agent', draw: ({ metadata }) => metadata.userAgent },
      { title: 'Subscriptions', isNumber: true, draw: ({ subscriptions }) => count(subscriptions) },
      { title: 'Since (UTC)', draw: ({ connectedAt }) => utc(connectedAt) },
    ],
  });
  const search = form({
    fields: [filters.node],
    action: 'Find',
    submit: async () => {
      const before = location.hash;
      go(['system', 'connections'], filters.given());
      if (location.hash === before) await list.restart();
    },
  });
  const total = el('p', { class: 'muted', role: 'status' });
  const show = ({ query }) => {
    filters.set(query);
    void list.restart();
    void showTotal();
  };
  const showTotal = async () => {
    const { connections, subscriptions } = await api
      .get('/v1/realtime/subscription-stats', {}, signal)
      .catch(() => ({}));
    if (!connections) return;
    const { role } = await me();
    const { total: all, socketio, websocket, sse } = connections;
    const whose = role === 'admin' ? '' : ' of your own; those of others need the role admin';
    total.textContent = `${count(all)} open (Socket.IO ${count(socketio)}, WebSocket ${count(websocket)}, SSE ${count(sse)}) with ${count(subscriptions)} subscriptions${whose}.`;
  };

  const openConnection = async (id) => {
    const path = `/v1/realtime/connections/${encodeURIComponent(id)}`;
    let connection;
    try {
      connection = await api.get(path, {}, signal);
    } catch (error) {
      say(error.message, { isProblem: true });
      return list.reload();
    }
    const { userId, keyId, connectedAt, lastActivity, transport, metadata } = connection;
    const subscriptions = new List({
      label: 'Subscriptions',
      empty: 'It has no subscription.',
      rows: 10,
      read: localPages(async () => (await api.get(`${path}/subscriptions`, {}, signal)).data),
      key: (one) => one.id,
      columns: [
        { title: 'Id', draw: (one) => one.id },
        { title: 'Type', draw: ({ type, channel }) => channel ?? type },
        { title: 'Filters', draw: filterText },
      ],
    });
    const cut = async (isFinal) => {
      const text = isFinal
        ? 'Its key may not connect from that address for 60 seconds.'
        : 'Its client connects again by itself and continues where it was.';
      if (!(await isConfirmed({ title: 'Cut this connection?', text, action: 'Cut', signal }))) return;
      await showOutcome(async () => {
        await api.send('DELETE', `${path}${isFinal ? '?final=true' : ''}`, undefined, { signal });
        dialog.close();
        await list.reload();
      }, 'The connection was cut.');
    };
    const message = field({ label: 'Message to it', maxlength: 2_000, pointer: '/message' });
    const { role } = await me();
    const toIt = form({
      fields: [message],
      action: 'Send',
      submit: async () => {
        const body = { message: controlOf(message).value, connectionId: id };
        const { delivered } = await api.send('POST', '/v1/realtime/announcements', body, { signal });
        say(delivered === 1 ? 'The message was sent.' : 'The connection is gone.', { isProblem: delivered !== 1 });
      },
    });
    const dialog = openDialog({
      title: `Connection of ${userId}`,
      signal,
      body: [
        facts({
          Id: id,
          Key: keyId,
          Address: metadata.ipAddress,
          Agent: metadata.userAgent,
          Region: metadata.region,
          Transport: transport,
          'Since (UTC)': utc(connectedAt),
          'Last message (UTC)': utc(lastActivity, 'never'),
        }),
        subscriptions.node,
        ...(role === 'admin' ? [toIt] : []),
        el(
          'div',
          { class: 'actions' },
          act('cut', 'Cut', () => void cut(false), 'danger'),
          act('final', 'Cut for good', () => void cut(true), 'danger'),
        ),
      ],
    });
    return subscriptions.restart();
  };

  root.append(search, total, list.node);
  show(route);
  return { show };
}

/** Filters of a subscription as text; without any it gets everything of its type. */
function filterText(subscription) {
  const { id: _id, type: _type, channel: _channel, ...filters } = subscription;
  const text = Object.entries(filters).map(([name, value]) => `${name}: ${[value].flat().join(', ')}`);
  return text.join('; ') || 'none';
}
