import { isConfirmed } from '../kit/dialog.js';
import { controlOf, field, form } from '../kit/form.js';
import { say } from '../kit/say.js';
import { el } from '../dom.js';
import { count } from '../format.js';

/** Message to everybody who is connected, to a user, a room or a connection. */
export function mount({ root, api, signal }) {
  const fields = {
    message: field({
      label: 'Message',
      type: 'textarea',
      maxlength: 2_000,
      pointer: '/message',
      hint: 'Up to 2,000 characters',
    }),
    userId: field({ label: 'User', maxlength: 255, pointer: '/userId' }),
    room: field({ label: 'Room', maxlength: 255, placeholder: 'protocol:uniswap-v3', pointer: '/room' }),
    connectionId: field({ label: 'Connection', maxlength: 200, pointer: '/connectionId' }),
  };
  const { message, ...targets } = fields;
  const submit = async () => {
    const given = Object.entries(fields).map(([name, node]) => [name, controlOf(node).value.trim()]);
    const body = Object.fromEntries(given.filter(([name, value]) => value !== '' || name === 'message'));
    const toAll = Object.keys(body).length === 1;
    const question = { title: 'Send to everybody?', text: body.message, action: 'Send to all', signal };
    if (toAll && body.message && !(await isConfirmed(question))) return;
    const { delivered } = await api.send('POST', '/v1/realtime/announcements', body, { signal });
    say(`Sent to ${count(delivered)} connections.`);
    controlOf(message).value = '';
  };
  root.append(
    el('p', { class: 'muted' }, 'Without a user, a room and a connection it goes to everybody who is connected.'),
    form({ fields: [message, el('div', { class: 'fields' }, ...Object.values(targets))], action: 'Send', submit }),
  );
}
